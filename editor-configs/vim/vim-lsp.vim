" twinny-lsp in Vim through vim-lsp, beside other servers. Source this from your vimrc.
" The menu while typing needs asyncomplete.vim and asyncomplete-lsp.vim.
augroup twinny_lsp
  autocmd!
  autocmd User lsp_setup call lsp#register_server({
        \ 'name': 'twinny-lsp',
        \ 'cmd': {server_info -> ['twinny-lsp']},
        \ 'allowlist': ['*'],
        \ 'initialization_options': get(g:, 'twinny_lsp_settings', {}),
        \ })
augroup END
