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

/** Returns the caller's response, with the Location of Graph's. */
export function acceptedResponse(graphResponse) {
  return new Response(null, { status: 202, headers: { Location: graphResponse.headers.get("Location") } });
}

export default {
  async fetch(request, env) {
    return acceptedResponse(await remediate(request, env));
  },
};
