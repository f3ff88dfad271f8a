// From log bytes to lines that can be shown.

// Escape sequences (colours, cursor, titles), and the controls that are left when they are gone, among them those that turn
// the direction of writing.
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-Z\\^-~])/g;
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/// One line without terminal control: a progress bar that overwrites itself shows its last state.
export function cleanLine(text) {
  const plain = text.replace(ESCAPES, "").replace(/\r+$/, "");
  const start = plain.lastIndexOf("\r") + 1;
  return plain.slice(start).replace(CONTROLS, "");
}

/// Collects the bytes of one attempt's log. Pieces may end anywhere, in the middle of a line or of a character.
export class LogText {
  lines = [];
  #decoder = new TextDecoder();
  #open = "";

  /// Takes a piece in; returns how many whole lines it completed.
  push(bytes) {
    const parts = (this.#open + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#open = parts.pop();
    for (const part of parts) this.lines.push(cleanLine(part));
    return parts.length;
  }

  /// The last line, which is not whole yet.
  get partial() {
    return cleanLine(this.#open);
  }
}
