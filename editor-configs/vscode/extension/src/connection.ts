// The server's life: found, started, checked, started again; and the ways to talk to it.
import * as vscode from 'vscode';
import {
  DidChangeConfigurationNotification,
  ExecuteCommandRequest,
  LanguageClient,
  State,
  TransportKind,
} from 'vscode-languageclient/node';
import type { LanguageClientOptions } from 'vscode-languageclient/node';
import { Ghosts } from './ghosts';
import { findProgram, isNewEnough, OLDEST } from './server';
import { CLIENT, declared, SECTION, settingsFor } from './settings';

/** How things stand: the server's own words, or `missing`, `old` and `stopped` of ours. */
export interface Status {
  state: string;
  message: string;
}

export interface Delta {
  conversation: string;
  text: string;
}

export class Connection implements vscode.Disposable {
  readonly output: vscode.LogOutputChannel;
  readonly ghosts = new Ghosts(this);
  private readonly statuses = new vscode.EventEmitter<Status>();
  private readonly deltas = new vscode.EventEmitter<Delta>();
  private readonly starts = new vscode.EventEmitter<void>();
  readonly onStatus = this.statuses.event;
  readonly onDelta = this.deltas.event;
  /** A server has come up: it knows nothing of what was said to an earlier one. */
  readonly onStarted = this.starts.event;
  private client: LanguageClient | undefined;
  private changing: Promise<void> = Promise.resolve();

  constructor(private readonly context: vscode.ExtensionContext) {
    this.output = vscode.window.createOutputChannel('twinny-lsp', { log: true });
  }

  /** Start the server, or another one in its place. One change at a time, in the order they were asked for. */
  start(): Promise<void> {
    this.changing = this.changing.then(() => this.replace()).catch((error: unknown) => this.output.error(String(error)));
    return this.changing;
  }

  /** Run a command of the server's; rejects with its words, or where there is no server. */
  async execute<T>(command: string, argument?: object, token?: vscode.CancellationToken): Promise<T> {
    await this.changing;
    if (!this.client?.isRunning()) {
      throw new Error('The server is not running: see the status bar.');
    }
    const client = this.client;
    const params = { command, arguments: argument ? [argument] : [] };
    try {
      return (await client.sendRequest(ExecuteCommandRequest.type, params, token)) as T;
    } catch (error) {
      throw client.isRunning() ? error : new Error('The server has ended before it was done. Ask again.');
    }
  }

  /** Tell the server something, where there is one. */
  async notify(method: string, params: object): Promise<void> {
    if (this.client?.isRunning()) {
      await this.client.sendNotification(method, params);
    }
  }

  /** A range as the server counts it. */
  toServer(range: vscode.Range): object {
    return {
      start: { line: range.start.line, character: range.start.character },
      end: { line: range.end.line, character: range.end.character },
    };
  }

  /** End the server; for the extension's end. */
  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    await client?.dispose(2000).catch(() => undefined);
  }

  dispose(): void {
    for (const each of [this.output, this.statuses, this.deltas, this.starts]) {
      each.dispose();
    }
  }

  private async replace(): Promise<void> {
    await this.stop();
    const command = vscode.workspace.getConfiguration(CLIENT).get<string>('command') || 'twinny-lsp';
    const program = findProgram(command);
    if (program === undefined) {
      const message = `The program \`${command}\` was not found. Install the server, or say where it is.`;
      this.failed({ state: 'missing', message });
      return;
    }
    const client = this.made(program);
    this.client = client;
    this.statuses.fire({ state: 'starting', message: '' });
    try {
      await client.start();
    } catch (error) {
      // The client has shown it already.
      this.output.error(`${program}: ${String(error)}`);
      this.statuses.fire({ state: 'stopped', message: `${program} did not start: ${String(error)}` });
      return;
    }
    const version = client.initializeResult?.serverInfo?.version;
    if (!isNewEnough(version)) {
      await this.stop();
      const told = `${program} is version ${version ?? 'unknown'}, and this extension needs ${OLDEST} or newer.`;
      this.failed({ state: 'old', message: `${told} Bring the server up to date.` });
    }
  }

  private failed(status: Status): void {
    this.statuses.fire(status);
    this.output.error(status.message);
    const [again, where] = ['Try again', 'Say where it is'];
    void vscode.window.showErrorMessage(`twinny-lsp: ${status.message}`, again, where).then((chosen) => {
      if (chosen === again) {
        void this.start();
      } else if (chosen === where) {
        void vscode.commands.executeCommand('workbench.action.openSettings', `${CLIENT}.command`);
      }
    });
  }

  private made(program: string): LanguageClient {
    const server = { command: program, args: [], transport: TransportKind.stdio };
    const client = new LanguageClient(SECTION, 'twinny-lsp', server, this.options());
    client.onNotification('twinny-lsp/status', (status: Status) => this.statuses.fire(status));
    client.onNotification('twinny-lsp/chatDelta', (delta: Delta) => this.deltas.fire(delta));
    client.onDidChangeState(({ newState }) => {
      if (this.client !== client) {
        return;
      }
      if (newState === State.Running) {
        this.starts.fire();
      } else if (newState === State.Stopped) {
        this.statuses.fire({ state: 'stopped', message: 'The server has ended.' });
      }
    });
    return client;
  }

  private options(): LanguageClientOptions {
    const names = declared(this.context.extension.packageJSON);
    return {
      documentSelector: ['file', 'untitled', 'vscode-notebook-cell'].map((scheme) => ({ scheme })),
      outputChannel: this.output,
      initializationOptions: { clientFeatures: { chatDelta: true, status: true } },
      middleware: {
        provideInlineCompletionItems: (document, position, context, token, next) =>
          this.ghosts.provide(document, position, context, token, next),
        provideCodeActions: async (document, range, context, token, next) => {
          const found = (await next(document, range, context, token)) ?? [];
          // A light bulb on every line would tell nothing: while nobody asks, it is for what mends something.
          const quiet = context.triggerKind === vscode.CodeActionTriggerKind.Automatic && range.isEmpty;
          return quiet ? found.filter((action) => 'kind' in action && action.kind?.value === 'quickfix') : found;
        },
        workspace: {
          // With the defaults of this extension's manifest the server's own file would never hold.
          configuration: ({ items }) =>
            items.map(({ section, scopeUri }) =>
              section === SECTION ? settingsFor(names, scopeUri ? vscode.Uri.parse(scopeUri) : undefined) : null,
            ),
          didChangeConfiguration: async () => {
            await this.client?.sendNotification(DidChangeConfigurationNotification.type, { settings: null });
          },
        },
      },
    };
  }
}
