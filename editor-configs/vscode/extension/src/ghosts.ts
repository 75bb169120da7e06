// Tells the server when ghost text was taken, whole or in part: what comes next is then wanted at once.
import * as vscode from 'vscode';
import { CLIENT } from './settings';
import { Connection } from './connection';

export const ACCEPTED = `${CLIENT}.accepted`;

interface Shown {
  uri: string;
  /** Where the cursor was, and what each suggestion would put in there. */
  line: number;
  character: number;
  texts: string[];
}

/** Watches what is suggested and what becomes of it. */
export class Ghosts {
  private shown: Shown | undefined;

  constructor(private readonly connection: Connection) {}

  register(): vscode.Disposable {
    return vscode.Disposable.from(
      vscode.commands.registerCommand(ACCEPTED, () => this.accepted()),
      vscode.workspace.onDidChangeTextDocument((event) => this.changed(event)),
    );
  }

  /** Take note of an answer, and have the editor tell when one of it is taken. */
  offered(document: vscode.TextDocument, at: vscode.Position, items: vscode.InlineCompletionItem[]): void {
    const before = document.lineAt(at.line).text.slice(0, at.character);
    const texts = items.flatMap((item) => {
      const typed = item.range ? before.slice(item.range.start.character) : '';
      const text = typeof item.insertText === 'string' ? item.insertText : item.insertText.value;
      item.command = { title: '', command: ACCEPTED };
      return text.startsWith(typed) ? [text.slice(typed.length)] : [];
    });
    this.shown = { uri: document.uri.toString(), line: at.line, character: at.character, texts };
  }

  private accepted(): void {
    this.shown = undefined;
    void this.connection.execute('twinny-lsp.accepted');
  }

  private changed(event: vscode.TextDocumentChangeEvent): void {
    const [shown, change] = [this.shown, event.contentChanges[0]];
    if (!shown || !change || event.document.uri.toString() !== shown.uri) {
      return;
    }
    this.shown = undefined;
    const start = change.range.start;
    const here = change.range.isEmpty && start.line === shown.line && start.character === shown.character;
    const text = change.text;
    // One letter is somebody typing along.
    const part = shown.texts.find((whole) => text.length > 1 && whole.length > text.length && whole.startsWith(text));
    if (here && part !== undefined && event.contentChanges.length === 1) {
      void this.connection.notify('textDocument/didPartiallyAcceptCompletion', {
        item: { insertText: part },
        acceptedLength: text.length,
      });
    }
  }
}
