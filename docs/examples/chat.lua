-- :TwinnyAsk why is the sky blue      The answer streams into a scratch buffer; <C-c> there stops it.
-- Neovim 0.11 or later, with twinny-lsp set up. :source this file, or put it into ~/.config/nvim/plugin/.
vim.lsp.config('twinny_lsp', { init_options = { clientFeatures = { chatDelta = true } } })
local buffers = {} -- by conversation, while it is answered

local function write(conversation, text, ends)
  local buffer = buffers[conversation]
  buffers[conversation] = not ends and buffer or nil
  if buffer and vim.api.nvim_buf_is_valid(buffer) then
    vim.api.nvim_buf_set_text(buffer, -1, -1, -1, -1, vim.split(text, '\n'))
  end
end

vim.lsp.handlers['twinny-lsp/chatDelta'] = function(_, delta) write(delta.conversation, delta.text) end

vim.api.nvim_create_user_command('TwinnyAsk', function(command)
  local client = vim.lsp.get_clients({ name = 'twinny_lsp' })[1]
  if not client then return vim.notify('twinny-lsp is not running here', vim.log.levels.ERROR) end
  vim.cmd('new | setlocal buftype=nofile bufhidden=wipe filetype=markdown')
  local buffer, conversation = vim.api.nvim_get_current_buf(), tostring(vim.uv.hrtime())
  buffers[conversation] = buffer
  local chat = { prompt = command.args, conversation = conversation, stream = true }
  local params = { command = 'twinny-lsp.chat', arguments = { chat } }
  local _, request = client:request('workspace/executeCommand', params, function(err, result)
    write(conversation, err and '\nerror: ' .. err.message or '\n(' .. result.finishReason .. ')', true)
  end)
  vim.keymap.set('n', '<C-c>', function()
    client:cancel_request(request)
    write(conversation, '\nstopped', true)
  end, { buffer = buffer })
end, { nargs = '+' })
