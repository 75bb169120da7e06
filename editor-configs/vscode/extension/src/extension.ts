// Puts the parts together. What a suggestion or an answer is made of is the server's business.
import * as vscode from 'vscode';
import { ChatView } from './chat';
import { registerCommands } from './commands';
import { Connection } from './connection';
import { CLIENT } from './settings';
import { StatusBar } from './status';

let connection: Connection | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const made = (connection = new Connection(context));
  context.subscriptions.push(
    made,
    made.ghosts.register(),
    new StatusBar(made).register(),
    new ChatView(made, context.extensionUri).register(),
    registerCommands(made),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(`${CLIENT}.command`)) {
        void made.start();
      }
    }),
  );
  await made.start();
}

export async function deactivate(): Promise<void> {
  await connection?.stop();
}
