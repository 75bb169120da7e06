" twinny-lsp in Vim 8.2 and later, through ALE. Source this from your vimrc.
"
" The menu comes while typing (CTRL-N chooses); CTRL-X CTRL-O asks for it. ALE takes of an item only what stands
" before its first "(", so whole calls are for the other clients; see docs/editors/others.md.

let g:ale_completion_enabled = get(g:, 'ale_completion_enabled', 1)
set completeopt=menuone,noselect,popup
set omnifunc=ale#completion#OmniFunc

" The settings of docs/configuration.md, for example:
" let g:twinny_lsp_settings = #{completion: #{model: 'qwen2.5-coder:1.5b-base'}}
let g:twinny_lsp_settings = get(g:, 'twinny_lsp_settings', {})
let g:twinny_lsp_filetypes = get(g:, 'twinny_lsp_filetypes', [
      \ 'bash', 'c', 'cpp', 'cs', 'css', 'elixir', 'go', 'haskell', 'html', 'java', 'javascript', 'javascriptreact',
      \ 'json', 'kotlin', 'lua', 'markdown', 'ocaml', 'php', 'python', 'ruby', 'rust', 'scala', 'scss', 'sh', 'sql',
      \ 'swift', 'toml', 'typescript', 'typescriptreact', 'vim', 'yaml', 'zig'])

function! TwinnyLspRoot(buffer) abort
  let l:folder = expand('#' . a:buffer . ':p:h')
  let l:git = finddir('.git', fnameescape(l:folder) . ';')
  return empty(l:git) ? l:folder : fnamemodify(l:git, ':p:h:h')
endfunction

" ALE runs the linters of `g:ale_linters` only, where there are any for a language: ours goes beside them.
let s:added = {}
function! s:Add(filetype) abort
  if index(g:twinny_lsp_filetypes, a:filetype) < 0 || has_key(s:added, a:filetype)
    return
  endif
  let s:added[a:filetype] = 1
  let l:others = map(copy(ale#linter#Get(a:filetype)), {_, linter -> linter.name})
  call ale#linter#Define(a:filetype, #{
        \ name: 'twinny-lsp',
        \ lsp: 'stdio',
        \ executable: 'twinny-lsp',
        \ command: '%e',
        \ project_root: function('TwinnyLspRoot'),
        \ initialization_options: {-> g:twinny_lsp_settings},
        \ })
  let g:ale_linters = extend(get(g:, 'ale_linters', {}), {a:filetype: l:others + ['twinny-lsp']})
endfunction

augroup twinny_lsp
  autocmd!
  autocmd FileType * call s:Add(expand('<amatch>'))
augroup END
