// Ghost text: that of a slow model comes late instead of not at all, and the server hears what became of it.
//
// VS Code holds the completion menu of other extensions back while it waits for ghost text, gives up waiting after
// 750 ms, and then does not show what comes. So it has an answer soon, which may be none; and when a late one comes
// while the cursor is where it was, VS Code is made to ask for it.
import * as vscode from 'vscode';
import { CLIENT } from './settings';

/** How long the menus of others may be held back for ghost text. What the server knows comes in less. */
const HELD_BACK_MS = 50;
export const ACCEPTED = `${CLIENT}.accepted`;

type Item = vscode.InlineCompletionItem;
type Context = vscode.InlineCompletionContext;
type Ask = (
  document: vscode.TextDocument,
  position: vscode.Position,
  context: Context,
  token: vscode.CancellationToken,
) => vscode.ProviderResult<Item[] | vscode.InlineCompletionList>;

/** What is told to the server. */
interface Server {
  execute(command: string): Promise<unknown>;
  notify(method: string, params: object): Promise<void>;
}

/** A place in a text, as long as neither text nor cursor moves. */
interface Place {
  document: vscode.TextDocument;
  version: number;
  position: vscode.Position;
}

export class Ghosts {
  private asking: (Place & { ended: vscode.CancellationTokenSource }) | undefined;
  private late: (Place & { items: Item[] }) | undefined;
  private shown: (Place & { texts: string[] }) | undefined;

  constructor(private readonly server: Server) {}

  register(): vscode.Disposable {
    return vscode.Disposable.from(
      vscode.commands.registerCommand(ACCEPTED, () => this.accepted()),
      vscode.workspace.onDidChangeTextDocument((event) => this.changed(event)),
      vscode.window.onDidChangeTextEditorSelection(() => this.moved()),
      vscode.window.onDidChangeActiveTextEditor(() => this.moved()),
    );
  }

  /** The suggestions for a place; `ask` asks the server. */
  async provide(
    document: vscode.TextDocument,
    position: vscode.Position,
    context: Context,
    token: vscode.CancellationToken,
    ask: Ask,
  ): Promise<Item[]> {
    const place = { document, version: document.version, position };
    const late = this.late && isHere(this.late, place) ? this.late : undefined;
    this.late = undefined;
    if (late && !context.selectedCompletionInfo) {
      return this.offered(place, late.items);
    }
    const automatic = context.triggerKind === vscode.InlineCompletionTriggerKind.Automatic;
    if (!automatic) {
      // Our own asking for a late answer, beside an open menu, is no person's.
      const asked = late ? { ...context, triggerKind: vscode.InlineCompletionTriggerKind.Automatic } : context;
      return this.offered(place, listed(await ask(document, position, asked, token)));
    }
    this.asking?.ended.cancel();
    const ended = new vscode.CancellationTokenSource();
    this.asking = { ...place, ended };
    // Not with the editor's token: it is cancelled after 750 ms, and the model is still at work then.
    const answer = Promise.resolve(ask(document, position, context, ended.token)).then(listed);
    const soon = await Promise.race([answer, new Promise<undefined>((over) => setTimeout(over, HELD_BACK_MS))]);
    if (soon !== undefined) {
      return this.offered(place, soon);
    }
    void answer.then((items) => this.came(place, items, ended.token));
    return [];
  }

  private came(place: Place, items: Item[], ended: vscode.CancellationToken): void {
    const editor = vscode.window.activeTextEditor;
    const here = editor?.document === place.document && editor.selection.active.isEqual(place.position);
    if (here && !ended.isCancellationRequested && items.length > 0 && place.document.version === place.version) {
      this.late = { ...place, items };
      // VS Code takes that for a person's asking; asking quietly (`explicit: false`) does nothing here.
      void vscode.commands.executeCommand('editor.action.inlineSuggest.trigger');
    }
  }

  /** Take note of what is shown, and have the editor tell when one of it is taken. */
  private offered(place: Place, items: Item[]): Item[] {
    const before = place.document.lineAt(place.position.line).text.slice(0, place.position.character);
    const texts = items.flatMap((item) => {
      const typed = item.range ? before.slice(item.range.start.character) : '';
      const text = typeof item.insertText === 'string' ? item.insertText : item.insertText.value;
      item.command = { title: '', command: ACCEPTED };
      return text.startsWith(typed) ? [text.slice(typed.length)] : [];
    });
    this.shown = { ...place, texts };
    return items;
  }

  private accepted(): void {
    this.shown = undefined;
    void this.server.execute('twinny-lsp.accepted').catch(() => undefined);
  }

  private changed({ document, contentChanges: [change, more] }: vscode.TextDocumentChangeEvent): void {
    if (change && this.asking?.document === document) {
      this.asking.ended.cancel();
    }
    const shown = this.shown;
    if (!change || shown?.document !== document) {
      return;
    }
    this.shown = undefined;
    const { text, range } = change;
    const rest = shown.texts.filter((each) => each.length > text.length && each.startsWith(text));
    const here = range.isEmpty && range.start.isEqual(shown.position) && more === undefined;
    if (!here || rest[0] === undefined || text === '') {
      return;
    }
    // VS Code does not ask for what it goes on to show.
    const position = document.positionAt(document.offsetAt(range.start) + text.length);
    this.shown = { ...shown, position, texts: rest.map((each) => each.slice(text.length)) };
    // One letter is somebody typing along.
    if (text.length > 1) {
      const part = { item: { insertText: rest[0] }, acceptedLength: text.length };
      void this.server.notify('textDocument/didPartiallyAcceptCompletion', part);
    }
  }

  /** End what is asked for a place where the cursor is no longer. */
  private moved(): void {
    const [asking, editor] = [this.asking, vscode.window.activeTextEditor];
    if (asking && !(editor?.document === asking.document && editor.selection.active.isEqual(asking.position))) {
      asking.ended.cancel();
      this.asking = undefined;
    }
  }
}

function isHere(one: Place, other: Place): boolean {
  return one.document === other.document && one.version === other.version && one.position.isEqual(other.position);
}

function listed(found: Item[] | vscode.InlineCompletionList | null | undefined): Item[] {
  return Array.isArray(found) ? found : (found?.items ?? []);
}
