" twinny-lsp in Vim 9 through yegappan/lsp, beside other servers. Source this from your vimrc.
augroup twinny_lsp
  autocmd!
  autocmd User LspSetup call LspAddServer([#{
        \ name: 'twinny-lsp',
        \ filetype: ['c', 'cpp', 'css', 'go', 'html', 'java', 'javascript', 'lua', 'markdown', 'php', 'python',
        \   'ruby', 'rust', 'sh', 'sql', 'typescript', 'typescriptreact', 'yaml', 'zig'],
        \ path: 'twinny-lsp',
        \ args: [],
        \ initializationOptions: get(g:, 'twinny_lsp_settings', {}),
        \ }])
augroup END
