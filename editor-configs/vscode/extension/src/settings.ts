// What the server is told of the editor's settings: only what a person has set, so that the server's own file
// holds for the rest. A folder's settings may only say less, as its `.twinny.toml` may: it comes from anybody.
import * as vscode from 'vscode';

export const SECTION = 'twinny-lsp';
export const CLIENT = `${SECTION}.client`;

type Json = Record<string, unknown>;

/** The settings that hold in a folder, nested as the server has them; null where nothing is set. */
export function settingsFor(names: readonly string[], folder: vscode.Uri | undefined): Json | null {
  const configuration = vscode.workspace.getConfiguration(undefined, folder ?? null);
  const told: Json = {};
  for (const name of names) {
    const said = configuration.inspect<unknown>(name);
    if (said === undefined) {
      continue;
    }
    const value = narrowed(said.globalValue, said.defaultValue, said.workspaceFolderValue ?? said.workspaceValue);
    if (value !== undefined) {
      put(told, name.slice(SECTION.length + 1).split('.'), value);
    }
  }
  return Object.keys(told).length > 0 ? told : null;
}

/** The user's value, or the folder's where that is less of it. */
function narrowed(user: unknown, usual: unknown, folder: unknown): unknown {
  if (folder === false) {
    return false;
  }
  if (typeof folder === 'number') {
    const most = user ?? usual;
    return typeof most === 'number' ? Math.min(most, folder) : folder;
  }
  return user;
}

function put(table: Json, path: string[], value: unknown): void {
  const [first, ...rest] = path;
  if (first === undefined) {
    return;
  }
  if (rest.length === 0) {
    table[first] = value;
    return;
  }
  put((table[first] ??= {}) as Json, rest, value);
}

/** The names of the server's settings: all that this extension declares but its own. */
export function declared(manifest: { contributes?: { configuration?: { properties?: Json }[] } }): string[] {
  const sections = manifest.contributes?.configuration ?? [];
  return sections
    .flatMap((section) => Object.keys(section.properties ?? {}))
    .filter((name) => !name.startsWith(`${CLIENT}.`));
}
