// What the chat view's page and the extension say to each other.

/** One message of the chat. `note` says how an answer ended, where it did not end well. */
export interface Turn {
  role: 'user' | 'assistant';
  text: string;
  about?: string;
  note?: string;
}

/** All that the page shows. `about` is the code that the next question is about. */
export interface View {
  turns: Turn[];
  busy: boolean;
  about: string;
}

export type ToPage = { type: 'view'; view: View } | { type: 'delta'; text: string } | { type: 'focus' };

export type FromPage =
  | { type: 'ready' | 'focused' | 'stop' | 'new' | 'forget' }
  | { type: 'ask' | 'copy' | 'insert'; text: string };
