-- Ghost text of Neovim 0.12: taken whole or in part, the next suggestion. Not for keys (twinny.lua).
-- Neovim asks for it, draws it and takes it whole. It puts a suggestion where it belonged when it was asked for, so
-- that letters typed since then would be left behind it: this remembers the line each was asked with.

local M = {}

local NAME, INLINE = 'twinny_lsp', 'textDocument/inlineCompletion'

local asked, answered = {}, {}
local more = {} ---@type table<integer, integer?> the buffer's step to the next suggestion, when more have come

--- Neovim's own state of a buffer's ghost text. Not public: without it the rest of a suggestion that was taken
--- in part comes back a fifth of a second later, there is one suggestion only, and the server is not told what is
--- on screen.
local function completor(buffer)
  local ok, found = pcall(function()
    return vim.lsp._capability.all.inline_completion.active[buffer]
  end)
  return ok and found or nil
end

local function is_ours(item)
  local client = vim.lsp.get_client_by_id(item.client_id)
  return client ~= nil and client.name == NAME
end

--- How an item stands in the line now: what is still to come of it, and how much right of the cursor it replaces.
--- Nil where the cursor is elsewhere or something else was typed.
local function standing(item)
  local was = answered[vim.api.nvim_get_current_buf()]
  local row, column, end_row, end_column = item.range:to_extmark()
  local cursor = vim.api.nvim_win_get_cursor(0)
  if not was or was.row ~= row or end_row ~= row or cursor[1] - 1 ~= row or cursor[2] < column then
    return nil
  end
  local line = vim.api.nvim_get_current_line()
  local typed = line:sub(column + 1, cursor[2])
  if not vim.startswith(item.insert_text, typed) then
    return nil
  end
  local replaced = math.max(end_column + #line - was.length - cursor[2], 0)
  return { row = row, column = cursor[2], rest = item.insert_text:sub(#typed + 1), replaced = replaced }
end

--- Show what is left of an item; Neovim asks again, and draws over it, when the keys have come to rest.
local function show_rest(item, row, column, rest, replaced)
  local buffer, line = vim.api.nvim_get_current_buf(), vim.api.nvim_get_current_line()
  answered[buffer] = { row = row, length = #line }
  pcall(function()
    local state = completor(buffer)
    local range = vim.range.extmark(buffer, row, 0, row, column + replaced)
    local left = { range = range, insert_text = line:sub(1, column) .. rest }
    state.current = vim.tbl_extend('force', item, left)
    state:show()
  end)
end

--- Put an item, or the part of it that `part` gives of its rest, into the text.
local function put(item, part)
  if type(item.insert_text) ~= 'string' or not item.range or not is_ours(item) then
    return item -- as Neovim does it
  end
  local at = standing(item)
  if not at then
    return nil
  end
  local text = part and part(at.rest) or at.rest
  local whole = text == at.rest
  local lines = vim.split(text, '\n')
  local end_column = at.column + (whole and at.replaced or 0)
  vim.api.nvim_buf_set_text(0, at.row, at.column, at.row, end_column, lines)
  local row, column = at.row + #lines - 1, (#lines == 1 and at.column or 0) + #lines[#lines]
  vim.api.nvim_win_set_cursor(0, { row + 1, column })
  if not whole then
    local told = { item = { insertText = item.insert_text }, acceptedLength = vim.str_utfindex(text, 'utf-16') }
    vim.lsp.get_client_by_id(item.client_id):notify('textDocument/didPartiallyAcceptCompletion', told)
    show_rest(item, row, column, at.rest:sub(#text + 1), at.replaced)
  end
  return nil
end

--- The next word, with the blanks or the line end before it; 'iskeyword' says what a word is.
function M.word(rest)
  return vim.fn.matchstr(rest, [[^\_s*\%(\k\+\|\%(\k\@![^ \t\n]\)*\)]])
end

--- The rest of the line, or the next line where that is taken already.
function M.line(rest)
  return rest:match('^\n*[^\n]*')
end

--- Take the suggestion that is shown, or the part of it that `part` gives of its rest. Whether there is one.
---@param part? fun(rest: string): string
---@return boolean
function M.take(part)
  local inline = vim.lsp.inline_completion
  return inline ~= nil
    and inline.get({
      on_accept = function(item)
        return put(item, part)
      end,
    })
end

--- Show another suggestion. Neovim has asked for one only, so the model may have to be asked for more first.
---@param step integer -1 for the one before
function M.step(step)
  local inline, buffer = vim.lsp.inline_completion, vim.api.nvim_get_current_buf()
  local state = inline and completor(buffer)
  if not (state and state.current) then
    return
  elseif #state.client_state[state.current.client_id].items > 1 then
    inline.select({ count = step })
  else
    more[buffer] = step
    pcall(function()
      state:reset_timer()
      state:request(vim.lsp.protocol.InlineCompletionTriggerKind.Invoked)
    end)
  end
end

--- The autocommand LspRequest.
function M.on_request(event)
  local client, request = vim.lsp.get_client_by_id(event.data.client_id), event.data.request
  if not client or client.name ~= NAME or request.method ~= INLINE then
    return
  end
  local id, buffer = client.id .. ' ' .. event.data.request_id, request.bufnr
  if request.type == 'pending' and buffer == vim.api.nvim_get_current_buf() then
    asked[id] = { row = vim.fn.line('.') - 1, length = #vim.fn.getline('.') }
  elseif request.type ~= 'pending' then
    answered[buffer] = request.type == 'complete' and asked[id] or answered[buffer]
    asked[id] = nil
  end
  if request.type ~= 'complete' then
    return
  end
  vim.schedule(function() -- Neovim has drawn it
    local state, step = completor(buffer), more[buffer]
    local shown = state and state.current
    if shown and is_ours(shown) then
      client:notify('textDocument/didShowCompletion', { item = { insertText = shown.insert_text } })
      more[buffer] = nil
      if step and state:count_items() > 1 then
        vim.lsp.inline_completion.select({ count = step })
      elseif step then
        vim.notify('twinny-lsp: the model has no other suggestion')
      end
    end
  end)
end

return M
