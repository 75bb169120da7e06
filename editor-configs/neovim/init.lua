-- twinny-lsp in Neovim: add this to ~/.config/nvim/init.lua, and copy lsp/twinny_lsp.lua to ~/.config/nvim/lsp/.
--
-- Neovim 0.12 or later: suggestions stand in the text as ghost text.
--   <Tab>  take the suggestion    <M-]> <M-[>  the next one, the one before
-- Neovim 0.11 (or vim.g.twinny_lsp_ghost_text = false before this): suggestions stand in the menu.
--   <C-Space>  ask for one        <C-n> <C-y>  choose it, take it

vim.lsp.enable('twinny_lsp')

-- Nothing is put into the text before it is chosen.
vim.opt.completeopt = { 'menuone', 'noselect', 'popup' }

local group = vim.api.nvim_create_augroup('twinny_lsp', {})
local inline_method = 'textDocument/inlineCompletion'

-- Neovim 0.12 puts a suggestion where it belonged when it was asked for. Letters typed since then would be
-- left standing behind it, so this remembers the line each suggestion was asked with.
local asked, answered = {}, {}
vim.api.nvim_create_autocmd('LspRequest', {
  group = group,
  callback = function(event)
    local id, request = event.data.request_id, event.data.request
    if request.method ~= inline_method or request.bufnr ~= vim.api.nvim_get_current_buf() then
      return
    elseif request.type == 'pending' then
      asked[id] = { row = vim.fn.line('.') - 1, length = #vim.fn.getline('.') }
    else
      answered[request.bufnr] = request.type == 'complete' and asked[id] or answered[request.bufnr]
      asked[id] = nil
    end
  end,
})

local function put(item)
  local was = answered[vim.api.nvim_get_current_buf()]
  if type(item.insert_text) ~= 'string' or not item.range or not was then
    return item -- as Neovim does it
  end
  local row, column, end_row, end_column = item.range:to_extmark()
  local cursor = vim.api.nvim_win_get_cursor(0)
  if was.row ~= row or end_row ~= row or cursor[1] - 1 ~= row or cursor[2] < column then
    return nil -- the cursor has gone elsewhere
  end
  local line = vim.api.nvim_get_current_line()
  if not vim.startswith(item.insert_text, line:sub(column + 1, cursor[2])) then
    return nil -- something else was typed
  end
  local lines = vim.split(item.insert_text, '\n')
  vim.api.nvim_buf_set_text(0, row, column, row, end_column + #line - was.length, lines)
  vim.api.nvim_win_set_cursor(0, { row + #lines, (#lines == 1 and column or 0) + #lines[#lines] })
  return nil
end

local function use_ghost_text(buffer)
  local inline = vim.lsp.inline_completion
  inline.enable(true, { bufnr = buffer })
  vim.keymap.set('i', '<Tab>', function()
    return inline.get({ on_accept = put }) and '' or '<Tab>'
  end, { expr = true, buffer = buffer, desc = 'Take the suggestion, or a tab' })
  vim.keymap.set('i', '<M-]>', function()
    inline.select({ count = 1 })
  end, { buffer = buffer, desc = 'Next suggestion' })
  vim.keymap.set('i', '<M-[>', function()
    inline.select({ count = -1 })
  end, { buffer = buffer, desc = 'Suggestion before' })
end

local function use_menu(client, buffer)
  vim.lsp.completion.enable(true, client.id, buffer, { autotrigger = true })
  vim.keymap.set('i', '<C-Space>', vim.lsp.completion.get, { buffer = buffer, desc = 'Suggest' })
end

vim.api.nvim_create_autocmd('LspAttach', {
  group = group,
  callback = function(event)
    local client = assert(vim.lsp.get_client_by_id(event.data.client_id))
    if client.name ~= 'twinny_lsp' then
      return
    end
    local inline = vim.lsp.inline_completion and vim.g.twinny_lsp_ghost_text ~= false
    if inline and client:supports_method(inline_method, event.buf) then
      use_ghost_text(event.buf)
    else
      use_menu(client, event.buf)
    end
  end,
})
