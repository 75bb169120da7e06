// The status bar's entry, and the menu behind it.
import * as vscode from 'vscode';
import { Connection, Status } from './connection';
import { CLIENT } from './settings';

const ICONS: Record<string, string> = {
  starting: '$(loading~spin)',
  ready: '$(sparkle)',
  working: '$(sync~spin)',
  loading: '$(loading~spin)',
  fallback: '$(warning)',
  off: '$(circle-slash)',
};
const WRONG = ['down', 'problem', 'missing', 'old', 'stopped'];

export class StatusBar {
  private readonly item = vscode.window.createStatusBarItem(`${CLIENT}.status`, vscode.StatusBarAlignment.Right, 100);
  private status: Status = { state: 'starting', message: '' };

  constructor(private readonly connection: Connection) {
    this.item.name = 'twinny-lsp';
    this.item.command = `${CLIENT}.menu`;
  }

  register(): vscode.Disposable {
    this.show(this.status);
    this.item.show();
    return vscode.Disposable.from(
      this.item,
      this.connection.onStatus((status) => this.show(status)),
      vscode.commands.registerCommand(`${CLIENT}.menu`, () => this.menu()),
    );
  }

  private show(status: Status): void {
    this.status = status;
    const wrong = WRONG.includes(status.state);
    this.item.text = `${ICONS[status.state] ?? '$(warning)'} twinny`;
    this.item.tooltip = status.message ? `twinny-lsp: ${status.message}` : `twinny-lsp: ${status.state}`;
    this.item.accessibilityInformation = { label: `twinny-lsp, ${status.state}. ${status.message}` };
    this.item.backgroundColor = wrong ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
  }

  private async menu(): Promise<void> {
    const off = this.status.state === 'off';
    const entries: [string, string, string][] = [
      [off ? '$(circle-filled)' : '$(circle-slash)', off ? 'Switch suggestions on' : 'Switch suggestions off', 'toggle'],
      ['$(question)', 'Why was nothing (or this) suggested?', 'why'],
      ['$(pulse)', 'Doctor: how things stand on this machine', 'doctor'],
      ['$(server)', 'Choose the model for suggestions…', 'chooseModel'],
      ['$(comment-discussion)', 'Chat', 'chat.focus'],
      ['$(settings-gear)', 'Settings', 'settings'],
      ['$(output)', 'Log', 'log'],
      ['$(debug-restart)', 'Restart the server', 'restart'],
    ];
    const items = entries.map(([icon, label, name]) => ({ label: `${icon} ${label}`, name }));
    const chosen = await vscode.window.showQuickPick(items, {
      title: 'twinny-lsp',
      placeHolder: this.status.message || this.status.state,
    });
    if (chosen) {
      await vscode.commands.executeCommand(`${CLIENT}.${chosen.name}`);
    }
  }
}
