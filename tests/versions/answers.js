// The built Worker, whose objects respond like an object of another version: with a success, and with the job format in
// the display name.

export { default } from "./index.js";

export class Ledger {
  async fetch(request) {
    const body = await request.text();
    const [, format] = /"displayName":"format: ([^"]*)"/.exec(body) ?? [];
    const headers = { "Content-Type": "application/json", Location: "https://security.microsoft.com/" };
    if (format) headers["job-format"] = format;
    return new Response('{"status":"accepted"}', { status: 202, headers });
  }
}
