// The commands of the palette, the context menu and the status bar's menu, but for the chat's.
import * as vscode from 'vscode';
import { Connection } from './connection';
import { CLIENT } from './settings';

/** Tasks on code: the server's commands of the same names. */
const TASKS = ['explain', 'fix', 'refactor', 'simplify', 'addTypes', 'addDocs', 'addTests', 'translateComment'];

interface Models {
  provider: string;
  model: string | null;
  models: { name: string; loaded: boolean | null }[];
}

export function registerCommands(connection: Connection): vscode.Disposable {
  const doctor = vscode.window.createOutputChannel('twinny-lsp doctor', 'markdown');
  const handlers: Record<string, () => unknown> = {
    instruct: () => instruct(connection),
    openChatDocument: () => connection.execute('twinny-lsp.openChat', at(connection)),
    toggle: () => connection.execute('twinny-lsp.toggle'),
    why: () => connection.execute('twinny-lsp.why', { uri: vscode.window.activeTextEditor?.document.uri.toString() ?? '' }),
    doctor: () => examine(connection, doctor),
    chooseModel: () => chooseModel(connection),
    settings: () => vscode.commands.executeCommand('workbench.action.openSettings', '@ext:twinny-lsp.twinny-lsp'),
    log: () => connection.output.show(),
    restart: () => connection.start(),
  };
  for (const task of TASKS) {
    handlers[task] = () => run(connection, task);
  }
  const registered = Object.entries(handlers).map(([name, handler]) =>
    vscode.commands.registerCommand(`${CLIENT}.${name}`, () => told(connection, handler)),
  );
  return vscode.Disposable.from(doctor, ...registered);
}

/** Do it; what goes wrong is shown. */
async function told(connection: Connection, work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    connection.output.error(message);
    void vscode.window.showErrorMessage(`twinny-lsp: ${message}`);
  }
}

/** The document and selection in front; the whole function where there is no selection: the server's to find. */
function at(connection: Connection): { uri?: string; range?: object } {
  const editor = vscode.window.activeTextEditor;
  return editor ? { uri: editor.document.uri.toString(), range: connection.toServer(editor.selection) } : {};
}

async function run(connection: Connection, task: string, more: object = {}): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) {
    throw new Error('Open a file first.');
  }
  const problems = vscode.languages
    .getDiagnostics(editor.document.uri)
    .filter((problem) => editor.selection.intersection(problem.range))
    .map((problem) => ({
      range: connection.toServer(problem.range),
      severity: problem.severity + 1,
      message: problem.message,
    }));
  // Not waited for: the server tells of errors itself, and shows its progress.
  const argument = { ...at(connection), diagnostics: problems, wait: false, ...more };
  await connection.execute(`twinny-lsp.${task}`, argument);
}

async function instruct(connection: Connection): Promise<void> {
  const instruction = await vscode.window.showInputBox({
    title: 'twinny-lsp: change the code as asked',
    placeHolder: 'Make it work for empty lists',
  });
  if (instruction?.trim()) {
    await run(connection, 'instruct', { instruction });
  }
}

async function examine(connection: Connection, doctor: vscode.OutputChannel): Promise<void> {
  doctor.clear();
  doctor.show(true);
  doctor.appendLine('Examining…');
  try {
    const { text } = await connection.execute<{ text: string }>('twinny-lsp.doctor');
    doctor.replace(text);
  } catch (error) {
    doctor.replace(error instanceof Error ? error.message : String(error));
  }
}

async function chooseModel(connection: Connection): Promise<void> {
  const found = connection.execute<Models>('twinny-lsp.models');
  const items = found.then(({ models, model }) =>
    models.map(({ name, loaded }) => ({
      label: name,
      description: [name === model ? 'now' : '', loaded ? 'loaded' : ''].filter(Boolean).join(', '),
    })),
  );
  const chosen = await vscode.window.showQuickPick(items, { title: 'twinny-lsp: model for suggestions' });
  if (chosen) {
    const argument = { model: chosen.label, for: 'completion', save: true };
    const { saved, note } = await connection.execute<{ saved: string | null; note: string }>('twinny-lsp.useModel', argument);
    vscode.window.setStatusBarMessage(note || `twinny-lsp: ${chosen.label}, written to ${saved}`, 8000);
  }
}
