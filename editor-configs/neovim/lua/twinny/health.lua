-- :checkhealth twinny

local M = {}

local PROGRAM_MS, ANSWER_MS = 10000, 30000

--- What the program prints, nil when it cannot be run.
local function output(...)
  local ok, done = pcall(function(...)
    return vim.system({ ... }, { text = true }):wait(PROGRAM_MS)
  end, ...)
  return ok and done.code == 0 and vim.trim(done.stdout) or nil
end

local function result_of(client, name)
  local params = { command = 'twinny-lsp.' .. name, arguments = { vim.empty_dict() } }
  local answer, problem = client:request_sync('workspace/executeCommand', params, ANSWER_MS)
  return answer and answer.result, problem or vim.tbl_get(answer or {}, 'err', 'message') or 'no answer'
end

local function check_editor()
  vim.health.start('twinny: editor')
  local version = tostring(vim.version())
  if vim.fn.has('nvim-0.11') == 0 then
    vim.health.error(('Neovim %s is too old'):format(version), 'Version 0.11 or later is needed.')
  elseif vim.lsp.inline_completion then
    vim.health.ok(('Neovim %s: has ghost text'):format(version))
  else
    vim.health.ok(('Neovim %s: suggestions stand in the menu; ghost text comes with 0.12'):format(version))
  end
  local plugins = vim.tbl_filter(function(name)
    return package.loaded[name] ~= nil
  end, { 'cmp', 'blink.cmp', 'mini.completion' })
  if #plugins > 0 then
    vim.health.info('The menu is that of ' .. table.concat(plugins, ', ') .. ': see docs/editors/neovim.md')
  end
end

local function check_program()
  vim.health.start('twinny: server')
  local config = vim.lsp.config.twinny_lsp
  if not config or not config.cmd then
    vim.health.error('no lsp/twinny_lsp.lua', 'Copy it to ' .. vim.fn.stdpath('config') .. '/lsp/')
    return
  end
  local program = type(config.cmd) == 'table' and config.cmd[1] or 'twinny-lsp'
  local version = output(program, '--version')
  if version then
    vim.health.ok(('%s (%s)'):format(version, vim.fn.exepath(program)))
  else
    vim.health.error(program .. ' cannot be run', 'It must be on the PATH that Neovim sees: pip install twinny-lsp')
  end
end

local function check_running(client)
  if not client then
    vim.health.warn('not running', 'Open a file, or look into ' .. vim.lsp.log.get_filename())
    return
  end
  local now, problem = result_of(client, 'status')
  if not now then
    vim.health.error('it does not answer: ' .. problem)
    return
  end
  local report = (now.state == 'ready' or now.state == 'working') and vim.health.ok or vim.health.warn
  report(('state: %s%s'):format(now.state, now.message ~= '' and ', ' .. now.message or ''))
  if type(now.model) == 'string' then
    vim.health.info(('model: %s on %s'):format(now.model, now.provider))
  end
  for _, each in ipairs(now.problems) do
    vim.health.warn(each)
  end
  local doctor, failure = result_of(client, 'doctor')
  vim.health.start('twinny: doctor')
  vim.health.info(doctor and doctor.text or failure)
end

function M.check()
  check_editor()
  check_program()
  check_running(vim.lsp.get_clients({ name = 'twinny_lsp' })[1])
end

return M
