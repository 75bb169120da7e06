-- In a real Neovim: writes down when ghost text is asked for, answered and drawn. Loaded by neovim.py once
-- the inline completion has been switched on. Times are milliseconds of the clock that on Linux all
-- processes share.

local completor = require('vim.lsp._capability').all.inline_completion
local space = vim.api.nvim_create_namespace('nvim.lsp.inline_completion')
local events = {}

-- {text, whether it stands at the cursor}, or nil when nothing is drawn.
local function drawn()
  local mark = vim.api.nvim_buf_get_extmarks(0, space, 0, -1, { details = true })[1]
  if not mark then
    return nil
  end
  local rows = { mark[4].virt_text or {} }
  vim.list_extend(rows, mark[4].virt_lines or {})
  for number, row in ipairs(rows) do
    local texts = vim.tbl_map(function(chunk)
      return chunk[1]
    end, row)
    rows[number] = table.concat(texts)
  end
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  return { table.concat(rows, '\n'), mark[2] == row - 1 and mark[3] == column }
end

-- What a key does, what is asked, and what is answered, each with what is drawn afterwards.
for _, name in ipairs({ 'automatic_request', 'request', 'handler' }) do
  local original = completor[name]
  completor[name] = function(self, ...)
    original(self, ...)
    local err, result = ...
    local items = name == 'handler' and not err and result and #(result.items or result) or 0
    events[#events + 1] = { name, vim.uv.hrtime() / 1e6, drawn() or false, items }
  end
end

-- What is on screen now, and what happened since this was asked last.
function _G.typing_seen()
  local happened = events
  events = {}
  return { drawn() or false, happened }
end
