// The chat view: a page for the conversation, which is kept here, since pages come and go with their view.
import { randomBytes, randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { Connection } from './connection';
import type { FromPage, ToPage, Turn } from './messages';
import { CLIENT } from './settings';

const VIEW = `${CLIENT}.chat`;

interface Answer {
  text: string;
  finishReason: string;
}

interface Code {
  uri: vscode.Uri;
  range: vscode.Range;
}

export class ChatView implements vscode.WebviewViewProvider {
  private view: vscode.WebviewView | undefined;
  private turns: Turn[] = [];
  /** The server's name for what it remembers; "" where it has to be told all that was said. */
  private conversation = '';
  private about: Code | undefined;
  private asking: vscode.CancellationTokenSource | undefined;
  /** The page is to take the focus; it may not be there yet. */
  private wantsFocus = false;

  constructor(
    private readonly connection: Connection,
    private readonly root: vscode.Uri,
  ) {}

  register(): vscode.Disposable {
    return vscode.Disposable.from(
      vscode.window.registerWebviewViewProvider(VIEW, this),
      vscode.commands.registerCommand(`${CLIENT}.ask`, () => this.askAboutSelection()),
      vscode.commands.registerCommand(`${CLIENT}.newChat`, () => this.begin()),
      this.connection.onDelta(({ conversation, text }) => this.came(conversation, text)),
      this.connection.onStarted(() => (this.conversation = '')),
    );
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.view = view;
    const folders = [vscode.Uri.joinPath(this.root, 'dist'), vscode.Uri.joinPath(this.root, 'media')];
    view.webview.options = { enableScripts: true, localResourceRoots: folders };
    view.webview.onDidReceiveMessage((message: FromPage) => this.received(message));
    view.onDidDispose(() => (this.view = undefined));
    view.webview.html = this.page(view.webview);
  }

  private page(webview: vscode.Webview): string {
    const nonce = randomBytes(16).toString('base64');
    const uri = (...names: string[]) => webview.asWebviewUri(vscode.Uri.joinPath(this.root, ...names)).toString();
    // Nothing from elsewhere, no style or script within the text, no image: the model's text could name one.
    const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${webview.cspSource}; form-action 'none'`;
    return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${uri('media', 'chat.css')}">
<title>twinny-lsp</title>
</head>
<body>
<main id="turns" aria-live="polite"></main>
<footer>
<div id="about" hidden><span></span><button id="forget" title="Without this code">✕</button></div>
<textarea id="question" rows="3" placeholder="Ask your model (Enter sends, Shift+Enter is a new line)" aria-label="Question"></textarea>
<div id="buttons"><button id="new">New chat</button><button id="stop" hidden>Stop</button><button id="send">Send</button></div>
</footer>
<script nonce="${nonce}" src="${uri('dist', 'page.js')}"></script>
</body>
</html>`;
  }

  private received(message: FromPage): void {
    switch (message.type) {
      case 'ready':
        return this.show();
      case 'focused':
        this.wantsFocus = false;
        return;
      case 'stop':
        return this.asking?.cancel();
      case 'new':
        return this.begin();
      case 'forget':
        this.about = undefined;
        return this.show();
      case 'ask':
        return void this.ask(message.text);
      case 'copy':
        return void vscode.env.clipboard.writeText(message.text);
      case 'insert':
        return void vscode.window.activeTextEditor?.edit((edit) => {
          const editor = vscode.window.activeTextEditor;
          if (editor) {
            edit.replace(editor.selection, message.text);
          }
        });
    }
  }

  private async askAboutSelection(): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    if (editor) {
      const { selection, document } = editor;
      const whole = new vscode.Range(0, 0, document.lineCount, 0);
      this.about = { uri: document.uri, range: selection.isEmpty ? document.validateRange(whole) : selection };
    }
    this.wantsFocus = true;
    await vscode.commands.executeCommand(`${VIEW}.focus`);
    this.show();
  }

  private begin(): void {
    this.asking?.cancel();
    this.turns = [];
    this.conversation = '';
    this.about = undefined;
    this.show();
  }

  private async ask(text: string): Promise<void> {
    if (this.asking || !text.trim()) {
      return;
    }
    const asking = (this.asking = new vscode.CancellationTokenSource());
    const [turns, about] = [this.turns, this.about];
    const question: Turn = { role: 'user', text, ...(about && { about: named(about) }) };
    const answer: Turn = { role: 'assistant', text: '' };
    const before = turns.filter((turn) => turn.text).map(({ role, text: content }) => ({ role, content }));
    turns.push(question, answer);
    const known = this.conversation;
    const conversation = (this.conversation = known || randomUUID());
    const messages = known ? [] : before;
    this.about = undefined;
    this.show();
    try {
      const said = await this.connection.execute<Answer>(
        'twinny-lsp.chat',
        {
          messages: [...messages, { role: 'user', content: text }],
          conversation,
          stream: true,
          ...(about && { uri: about.uri.toString(), range: this.connection.toServer(about.range) }),
        },
        asking.token,
      );
      answer.text = said.text;
      answer.note = said.finishReason === 'length' ? 'The answer is at its longest: chat.maxTokens.' : undefined;
      if (said.finishReason === 'incomplete') {
        answer.note = 'The model server broke off here.';
      }
    } catch (error) {
      const stopped = asking.token.isCancellationRequested;
      answer.note = stopped ? 'Stopped.' : error instanceof Error ? error.message : String(error);
      // The server does not remember a question without an answer; what has come is told with the next one.
      this.conversation = '';
    }
    asking.dispose();
    this.asking = undefined;
    this.show();
  }

  private came(conversation: string, text: string): void {
    const answer = this.turns.at(-1);
    if (this.asking && conversation === this.conversation && answer?.role === 'assistant') {
      answer.text += text;
      this.post({ type: 'delta', text });
    }
  }

  private show(): void {
    const about = this.about ? named(this.about) : '';
    this.post({ type: 'view', view: { turns: this.turns, busy: this.asking !== undefined, about } });
    if (this.wantsFocus) {
      this.post({ type: 'focus' });
    }
  }

  private post(message: ToPage): void {
    void this.view?.webview.postMessage(message);
  }
}

/** A piece of code for people: `src/a.py:3-7`. */
function named({ uri, range }: Code): string {
  const path = vscode.workspace.asRelativePath(uri);
  const [first, last] = [range.start.line + 1, range.end.line + (range.end.character > 0 ? 1 : 0)];
  return `${path}:${first}${last > first ? `-${last}` : ''}`;
}
