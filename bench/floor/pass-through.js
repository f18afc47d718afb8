// The floor: the least that any gateway could do. It passes the body to Graph, returns Graph's Location, and checks
// nothing.

/** @param {{ GRAPH_URL: string }} env */
export function remediate(request, env) {
  return fetch(`${env.GRAPH_URL}/beta/security/collaboration/analyzedEmails/remediate`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: request.body,
    redirect: "manual",
  });
}

/** Graph's answer as the caller's. */
export function accepted(answer) {
  return new Response(null, { status: 202, headers: { Location: answer.headers.get("Location") } });
}

export default {
  async fetch(request, env) {
    return accepted(await remediate(request, env));
  },
};
