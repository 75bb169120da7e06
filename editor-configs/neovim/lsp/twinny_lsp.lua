-- twinny-lsp for Neovim 0.11 and later.
-- Copy to ~/.config/nvim/lsp/twinny_lsp.lua, then see init.lua beside this folder.

-- Options: docs/configuration.md of twinny-lsp
-- Without any setting: Ollama on this machine, model codellama:7b-code.
local settings = {
  -- completion = { provider = 'ollama', model = 'qwen2.5-coder:1.5b-base' },
  -- completion = { provider = 'llamacpp', hostname = '127.0.0.1', port = 8080 },
  -- chat = { provider = 'ollama', model = 'qwen2.5-coder:7b' },
}

-- Neovim shows no server's menu items before all have answered, and a model may be slower than other servers. So
-- an answer that is not there when the others are is empty, and its items are added to the menu when they come.
-- Nor does an answer touch the menu once an item was chosen: Neovim would forget the choice.
local method = 'textDocument/completion'

--- Whether Neovim itself fills the menu of this buffer; a plugin that does it merges in its own way.
local function is_built_in(buffer)
  return (pcall(vim.api.nvim_get_autocmds, { group = ('nvim.lsp.completion_%d'):format(buffer) }))
end

--- Whether another server is asked for menu items in this buffer right now.
local function others_are_asked(client, buffer)
  for _, other in ipairs(vim.lsp.get_clients({ bufnr = buffer })) do
    for _, request in pairs(other.id ~= client.id and other.requests or {}) do
      if request.method == method and request.bufnr == buffer and request.type == 'pending' then
        return true
      end
    end
  end
  return false
end

local function is_chosen()
  local first = vim.list_contains(vim.opt.completeopt:get(), 'noselect') and 0 or 1
  return vim.fn.pumvisible() == 1 and vim.fn.complete_info({ 'selected' }).selected >= first
end

local function as_complete_item(client, item)
  return {
    word = item.filterText or item.label,
    abbr = item.label .. (vim.tbl_get(item, 'labelDetails', 'detail') or ''),
    kind = 'Text',
    menu = vim.tbl_get(item, 'labelDetails', 'description'),
    info = vim.tbl_get(item, 'documentation', 'value'),
    user_data = { nvim = { lsp = { completion_item = item, client_id = client.id } } },
  }
end

--- Put items into the menu that is open, or open one; nothing where the cursor has left their line or word.
local function add_to_menu(client, items, params)
  local here = vim.api.nvim_get_current_buf() == vim.uri_to_bufnr(params.textDocument.uri)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  if not here or row - 1 ~= params.position.line or vim.fn.mode() ~= 'i' or is_chosen() then
    return
  end
  local line, first = vim.api.nvim_get_current_line(), items[1].textEdit.range.start.character
  local start = vim.str_byteindex(line, client.offset_encoding, first, false)
  local typed = line:sub(start + 1, column):lower()
  local function fits(item)
    return column >= start and vim.startswith(item.word:lower(), typed)
  end
  local ours = vim.tbl_filter(
    fits,
    vim.tbl_map(function(item)
      return as_complete_item(client, item)
    end, items)
  )
  local there = vim.fn.pumvisible() == 1 and vim.fn.complete_info({ 'items' }).items or {}
  local others = vim.tbl_filter(fits, there)
  if #ours == 0 or #there > 0 and #others == 0 then
    return -- what is there begins elsewhere in the line
  end
  local last = items[1].sortText > '~'
  local all = last and vim.list_extend(others, ours) or vim.list_extend(ours, others)
  for _, item in ipairs(all) do
    item.icase, item.dup, item.empty = 1, 1, 1
  end
  vim.fn.complete(start + 1, all)
end

local function mind_the_menu(client)
  local ask = client.rpc.request
  ---@diagnostic disable-next-line: duplicate-set-field
  client.rpc.request = function(asked, params, answer, told)
    if asked ~= method then
      return ask(asked, params, answer, told)
    end
    local buffer = vim.uri_to_bufnr(params.textDocument.uri)
    local over, answered, watch = false, false, nil
    local function unwatch()
      watch = watch and vim.api.nvim_del_autocmd(watch)
    end
    local function reply(...)
      answered = true
      if not (is_built_in(buffer) and is_chosen()) then
        answer(...)
      end
    end
    local ok, id = ask(asked, params, function(problem, result, ...)
      if not answered then
        reply(problem, result, ...)
      elseif result and result.items and #result.items > 0 then
        add_to_menu(client, result.items, params)
      end
    end, function(...)
      over = true
      unwatch()
      told(...)
    end)
    -- When all have been asked that will be:
    vim.schedule(function()
      if not ok or over or not is_built_in(buffer) or not others_are_asked(client, buffer) then
        return
      end
      watch = vim.api.nvim_create_autocmd('LspRequest', {
        buffer = buffer,
        callback = function(event)
          local complete = event.data.request.type == 'complete' and event.data.request.method == method
          if complete and not answered and not others_are_asked(client, buffer) then
            unwatch()
            reply(nil, { isIncomplete = false, items = {} })
          end
        end,
      })
    end)
    return ok, id
  end
end

-- Where somebody types while no server is there, Neovim stops telling of that buffer's changes, also to a server that
-- is started later. So one that has died is started again at once, but for one that dies again and again.
local name, deaths = nil, {}
local MOST, WITHIN_MS = 3, 180000

local start_again = vim.schedule_wrap(function(code, signal)
  local on_purpose = signal == 15 or code == 0 and signal == 0 or vim.v.exiting ~= vim.NIL
  if on_purpose or not name then
    return
  end
  table.insert(deaths, 1, vim.uv.now())
  if not deaths[MOST + 1] or deaths[1] - deaths[MOST + 1] > WITHIN_MS then
    vim.lsp.enable(name)
  end
end)

local function on_init(client)
  name = client.name
  mind_the_menu(client)
  vim.api.nvim_create_autocmd('LspDetach', {
    callback = function(event)
      if event.data.client_id == client.id then
        -- Neovim 0.11 goes on asking a server that has gone, and waits for its answer.
        vim.lsp.completion.enable(false, client.id, event.buf)
      end
    end,
  })
end

---@type vim.lsp.Config
return {
  cmd = { 'twinny-lsp' },
  settings = { ['twinny-lsp'] = settings },

  -- No `filetypes`: completion works in every ordinary file. To narrow it:
  -- filetypes = { 'python', 'lua', 'go' },

  root_markers = { '.twinny.toml', '.git' },

  -- A file without a project is completed too.
  workspace_required = false,

  -- Tell of each key at once and not up to 150 ms later: answers are written into chats while you type.
  flags = { debounce_text_changes = 0 },

  on_init = on_init,
  on_exit = start_again,
}
