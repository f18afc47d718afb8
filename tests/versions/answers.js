// The built Worker, whose objects answer as an object of another version might: with a success, and the format that the path of
// the display name asks for.

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
