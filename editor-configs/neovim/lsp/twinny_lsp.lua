-- twinny-lsp for Neovim 0.11 and later.
-- Copy to ~/.config/nvim/lsp/twinny_lsp.lua, then see init.lua beside this folder.
-- Options: https://github.com/twinny-lsp/twinny-lsp/blob/main/docs/configuration.md

---@type vim.lsp.Config
return {
  cmd = { 'twinny-lsp' },

  -- No `filetypes`: completion works in every ordinary file. To narrow it:
  -- filetypes = { 'python', 'lua', 'go' },

  root_markers = { '.twinny.toml', '.git' },

  -- Tell of each key at once and not up to 150 ms later: answers are written into chats while you type.
  flags = { debounce_text_changes = 0 },

  -- A file without a project is completed too.
  workspace_required = false,

  settings = {
    ['twinny-lsp'] = {
      -- Without any setting: Ollama on this machine, model codellama:7b-code.
      --
      -- completion = { provider = 'ollama', model = 'qwen2.5-coder:1.5b-base' },
      -- completion = { provider = 'llamacpp', hostname = '127.0.0.1', port = 8080 },
      -- chat = { provider = 'ollama', model = 'qwen2.5-coder:7b' },
    },
  },
}
