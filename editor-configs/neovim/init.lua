-- twinny-lsp in Neovim: copy lsp/ and lua/ to ~/.config/nvim/, and add this to ~/.config/nvim/init.lua.
--
-- Neovim 0.12 or later: suggestions stand in the text as ghost text.
--   <Tab>  take the suggestion    <M-w>  a word of it    <M-l>  a line of it
--   <M-]> <M-[>  the next one, the one before
-- Neovim 0.11, or setup({ ghost_text = false }): suggestions stand in the menu.
--   <C-Space>  ask for one        <C-n> <C-y>  choose it, take it
-- :Twinny chat, send, stop, actions, toggle, status, why, start; :checkhealth twinny

-- Nothing is put into the text before it is chosen.
vim.opt.completeopt = { 'menuone', 'noselect', 'popup' }

require('twinny').setup()
