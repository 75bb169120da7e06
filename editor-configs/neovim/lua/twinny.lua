-- twinny-lsp in Neovim 0.11 and later, for who wants more than vim.lsp.enable('twinny_lsp'): keys for suggestions,
-- the command :Twinny, a status line component, one undo for an answer in a chat. Needs lsp/twinny_lsp.lua beside
-- it and nothing else. See docs/editors/neovim.md.

local ghost = require('twinny.ghost')

local M = {}

local NAME, INLINE = 'twinny_lsp', 'textDocument/inlineCompletion'

M.options = {
  -- False: the menu also where Neovim has ghost text (0.12).
  ghost_text = nil,
  -- False: nvim-cmp, blink.cmp or another plugin fills the menu.
  menu = true,
  -- In insert mode, where the server is attached; false for a key you do not want.
  keys = {
    accept = '<Tab>',
    accept_word = '<M-w>',
    accept_line = '<M-l>',
    next = '<M-]>',
    previous = '<M-[>',
    menu = '<C-Space>',
  },
}

--- The client of this buffer, or else any.
---@return vim.lsp.Client?
local function client_here()
  local here = vim.lsp.get_clients({ name = NAME, bufnr = 0 })[1]
  return here or vim.lsp.get_clients({ name = NAME })[1]
end

local function tell(text, level)
  vim.notify('twinny-lsp: ' .. text, level or vim.log.levels.INFO)
end

--- Run a command of the server (docs/lsp-extensions.md); an error is shown.
---@param name string without `twinny-lsp.`
---@param argument? table
---@param answered? fun(result: table)
function M.run(name, argument, answered)
  local client = client_here()
  if not client then
    tell('not running here. :Twinny start starts it, :checkhealth twinny tells more', vim.log.levels.WARN)
    return
  end
  local command = { title = name, command = 'twinny-lsp.' .. name, arguments = { argument or vim.empty_dict() } }
  client:exec_cmd(command, { bufnr = vim.api.nvim_get_current_buf() }, function(problem, result)
    if problem then
      tell(problem.message, vim.log.levels.ERROR)
    elseif answered and result then
      answered(result)
    end
  end)
end

--- Change settings of the server while it runs; those that are not named stay.
---@param settings table as in lsp/twinny_lsp.lua
function M.configure(settings)
  local change = { settings = { ['twinny-lsp'] = settings } }
  vim.lsp.config(NAME, change)
  for _, client in ipairs(vim.lsp.get_clients({ name = NAME })) do
    client.settings = vim.tbl_deep_extend('force', client.settings, change.settings)
    client:notify('workspace/didChangeConfiguration', { settings = client.settings })
  end
end

-- ---------------------------------------------------------------------------------------------- suggestions

--- Take the ghost text that is shown. Like the next two, it says whether there is one.
---@return boolean
function M.accept()
  return ghost.take()
end

--- Take its next word, with the blanks or the line end before it; 'iskeyword' says what a word is.
---@return boolean
function M.accept_word()
  return ghost.take(ghost.word)
end

--- Take the rest of its line, or the next line where that is taken already.
---@return boolean
function M.accept_line()
  return ghost.take(ghost.line)
end

--- Show another suggestion; the model may have to be asked first.
function M.next()
  ghost.step(1)
end

function M.previous()
  ghost.step(-1)
end

--- What the key does where there is nothing to take: what it is mapped to outside this buffer, or itself.
local function otherwise(key)
  for _, map in ipairs(vim.api.nvim_get_keymap('i')) do
    if map.lhsraw == vim.keycode(key) then
      if map.callback and map.expr == 1 then
        return map.callback() or ''
      elseif map.callback then
        vim.schedule(map.callback) -- here it may not change the text
        return ''
      end
      local keys = map.expr == 1 and vim.api.nvim_eval(map.rhs) or map.rhs
      vim.api.nvim_feedkeys(vim.keycode(keys), map.noremap == 1 and 'in' or 'im', false)
      return ''
    end
  end
  return key
end

local function map(buffer, name, action, description)
  local key = M.options.keys[name]
  if key then
    vim.keymap.set('i', key, action, { buffer = buffer, desc = description, expr = name:find('^accept') ~= nil })
  end
end

local function use_ghost_text(buffer)
  vim.lsp.inline_completion.enable(true, { bufnr = buffer })
  for _, name in ipairs({ 'accept', 'accept_word', 'accept_line' }) do
    map(buffer, name, function()
      -- What is taken is one step of undo.
      return M[name]() and '<C-g>u' or otherwise(M.options.keys[name])
    end, 'twinny-lsp: ' .. name)
  end
  map(buffer, 'next', M.next, 'twinny-lsp: next suggestion')
  map(buffer, 'previous', M.previous, 'twinny-lsp: suggestion before')
end

local function use_menu(client, buffer)
  vim.lsp.completion.enable(true, client.id, buffer, { autotrigger = true })
  map(buffer, 'menu', vim.lsp.completion.get, 'twinny-lsp: suggest')
end

-- ---------------------------------------------------------------------------------------- chat and actions

--- Neovim makes each piece of an answer a step of undo of its own. Those that follow one another are joined; where
--- something else was changed in between, undo goes step by step, in its order.
local written = {} ---@type table<integer, integer> the buffer's changedtick after the last piece
local titled = {} ---@type table<integer, boolean> whether that was the chat's title, which comes before an answer

local function apply_edit(problem, params, context)
  local change = vim.tbl_get(params or {}, 'edit', 'documentChanges', 1)
  local uri = change and change.textDocument and change.textDocument.uri or ''
  local edit = uri:find('/.twinny/chat/', 1, true) and vim.tbl_get(change, 'edits', 1)
  if not edit then
    return vim.lsp.handlers['workspace/applyEdit'](problem, params, context)
  end
  local buffer = vim.uri_to_bufnr(uri)
  local before = vim.api.nvim_buf_get_changedtick(buffer)
  local title = edit.range.start.line == 0
  local heading = edit.newText:find('^%s*## [^\n]+ ##\n') ~= nil -- of an answer
  if written[buffer] == before and not title and (not heading or titled[buffer]) then
    vim.api.nvim_buf_call(buffer, function()
      pcall(vim.cmd.undojoin) -- not possible when something was undone
    end)
  end
  local result = vim.lsp.handlers['workspace/applyEdit'](problem, params, context)
  local after = vim.api.nvim_buf_get_changedtick(buffer)
  if after ~= before then
    written[buffer], titled[buffer] = after, title
  end
  return result
end

--- The uri of the buffer; nil where it is no file.
local function uri_here()
  local file = vim.bo.buftype == '' and vim.api.nvim_buf_get_name(0) ~= ''
  return file and vim.uri_from_bufnr(0) or nil
end

--- Open a chat document, with a mention of these lines where some are given, and a first message.
---@param prompt? string
---@param lines? [integer, integer] from 1, the last one included
function M.chat(prompt, lines)
  local client, range = client_here(), nil
  if client and lines and uri_here() then
    local last = vim.fn.getline(lines[2])
    local start, stop = { lines[1], 0 }, { lines[2], math.max(#last - 1, 0) }
    range = vim.lsp.util.make_given_range_params(start, stop, 0, client.offset_encoding).range
  end
  M.run('openChat', { uri = uri_here(), range = range, prompt = prompt })
end

--- Have the model answer the message at the cursor of a chat document.
function M.send()
  local client = client_here()
  local here = vim.lsp.util.make_position_params(0, client and client.offset_encoding or 'utf-8')
  M.run('sendChat', { uri = here.textDocument.uri, position = here.position, wait = false })
end

--- End the answer in this chat document, or elsewhere all.
function M.stop()
  local uri = uri_here()
  M.run('stopChat', { uri = uri and uri:find('/.twinny/chat/', 1, true) and uri or nil })
end

--- Choose from what the model can do with the code at the cursor, the selection, or these lines.
---@param lines? [integer, integer] from 1, the last one included
function M.actions(lines)
  local range = lines and { start = { lines[1], 0 }, ['end'] = { lines[2], #vim.fn.getline(lines[2]) } }
  vim.lsp.buf.code_action({
    range = range,
    filter = function(action)
      return vim.startswith(action.title, 'twinny-lsp')
    end,
  })
end

--- Switch suggestions off, or on again.
function M.toggle()
  M.run('toggle', nil, function(result)
    tell(result.enabled and 'suggestions are on' or 'suggestions are off')
  end)
end

-- ----------------------------------------------------------------------------------------------- the status

local states = {} ---@type table<integer, {state: string, message: string}> by client
local KNOWN = { starting = 1, ready = 1, working = 1, loading = 1, fallback = 1, down = 1, problem = 1, off = 1 }

--- For a status line: `%{v:lua.require'twinny'.status()}`. "twinny" when all is well, "" where it does not run.
---@return string
function M.status()
  local client = vim.lsp.get_clients({ name = NAME, bufnr = 0 })[1]
  if not client then
    return ''
  end
  local now = states[client.id] or { state = 'starting', message = '' }
  if now.state == 'ready' then
    return 'twinny'
  end
  return 'twinny: ' .. now.state .. (KNOWN[now.state] and '' or ' ' .. now.message)
end

local function on_status(_, params, context)
  states[context.client_id] = params
  vim.cmd.redrawstatus({ bang = true })
end

local function show_status()
  M.run('status', nil, function(now)
    local lines = { now.state .. (now.message ~= '' and ': ' .. now.message or '') }
    if now.provider ~= vim.NIL and now.provider then
      lines[#lines + 1] = ('%s on %s'):format(now.model, now.provider)
    end
    tell(table.concat(vim.list_extend(lines, now.problems), '\n'))
  end)
end

-- ------------------------------------------------------------------------------------------------ the set-up

local COMMANDS = {
  chat = function(rest, lines)
    M.chat(rest ~= '' and rest or nil, lines)
  end,
  send = M.send,
  stop = M.stop,
  actions = function(_, lines)
    M.actions(lines)
  end,
  toggle = M.toggle,
  status = show_status,
  why = function()
    M.run('why', { uri = uri_here() }) -- the server shows it
  end,
  start = function()
    vim.lsp.enable(NAME)
  end,
}

local function command(given)
  local name, rest = given.args:match('^(%S+)%s*(.*)$')
  if not COMMANDS[name] then
    tell(('no command %s; there are %s'):format(name, table.concat(vim.tbl_keys(COMMANDS), ', ')), vim.log.levels.ERROR)
    return
  end
  COMMANDS[name](rest, given.range > 0 and { given.line1, given.line2 } or nil)
end

local function on_attach(event)
  local client = vim.lsp.get_client_by_id(event.data.client_id)
  if not client or client.name ~= NAME then
    return
  end
  local wanted = M.options.ghost_text
  if wanted == nil then
    wanted = vim.g.twinny_lsp_ghost_text ~= false
  end
  if wanted and vim.lsp.inline_completion and client:supports_method(INLINE, event.buf) then
    use_ghost_text(event.buf)
  elseif M.options.menu then
    use_menu(client, event.buf)
  end
end

--- Start the server wherever it is wanted (lsp/twinny_lsp.lua), with all of this around it.
---@param options? table as M.options
function M.setup(options)
  M.options = vim.tbl_deep_extend('force', M.options, options or {})
  vim.lsp.config(NAME, {
    capabilities = { experimental = { ['twinny-lsp'] = { status = true } } },
    handlers = { ['workspace/applyEdit'] = apply_edit, ['twinny-lsp/status'] = on_status },
  })
  local group = vim.api.nvim_create_augroup(NAME, {})
  vim.api.nvim_create_autocmd('LspAttach', { group = group, callback = on_attach })
  vim.api.nvim_create_autocmd('LspRequest', { group = group, callback = ghost.on_request })
  vim.api.nvim_create_user_command('Twinny', command, {
    nargs = '+',
    range = true,
    desc = 'twinny-lsp: chat, actions, status',
    complete = function(lead)
      return vim.tbl_filter(function(name)
        return vim.startswith(name, lead)
      end, vim.tbl_keys(COMMANDS))
    end,
  })
  vim.lsp.enable(NAME)
end

return M
