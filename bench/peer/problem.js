// Refusals: RFC 9457 members and Graph's error object in one body.

const TITLES = {
  invalidJson: [400, "The body is not valid JSON"],
  invalidPayload: [400, "The payload is not a valid remediation"],
  invalidRequest: [400, "The request is malformed"],
  graphRefused: [400, "Microsoft Graph refused the remediation"],
  unauthenticated: [401, "Credentials are required"],
  invalidCredentials: [401, "The credentials are not valid"],
  httpsRequired: [403, "HTTPS is required"],
  unknownCaller: [403, "The caller is not known"],
  actionNotAllowed: [403, "The action is not granted to the caller"],
  recipientNotAllowed: [403, "A recipient is not granted to the caller"],
  tooManyEmails: [403, "The request has more emails than the caller is granted"],
  notFound: [404, "There is no such resource"],
  methodNotAllowed: [405, "The resource does not have this method"],
  inProgress: [409, "The same remediation is in progress"],
  graphConflict: [409, "Microsoft Graph answered a conflict"],
  payloadTooLarge: [413, "The body is too large"],
  unsupportedMediaType: [415, "The body must be JSON in UTF-8"],
  idempotencyKeyReused: [422, "The idempotency key stands for another remediation"],
  quotaExceeded: [429, "The caller's quota is exhausted"],
  graphThrottled: [429, "Microsoft Graph is throttling"],
  misconfigured: [500, "The gateway is not configured"],
  internal: [500, "The gateway failed"],
  graphCredentialRejected: [502, "Microsoft refused the gateway's credential"],
  graphPermissionMissing: [502, "Microsoft Graph denied the gateway"],
  graphError: [502, "Microsoft Graph answered unexpectedly"],
  stopped: [503, "Remediations are stopped"],
  graphUnavailable: [503, "Microsoft Graph is unavailable"],
  graphTimeout: [504, "Microsoft Graph did not answer in time"],
};

const MAX_FAULTS_IN_MESSAGE = 5;

/** Ends a request. `reason` is for the log alone. */
export class Refusal extends Error {
  constructor(code, detail, { errors = [], headers = {}, reason = detail } = {}) {
    super(reason);
    this.code = code;
    this.detail = detail;
    this.errors = errors;
    this.headers = headers;
  }

  get status() {
    return TITLES[this.code][0];
  }

  /** The answer, but for the headers that every answer carries. */
  answer({ instance, requestId, clientRequestId, began }) {
    const [status, title] = TITLES[this.code];
    const { code, detail, errors } = this;
    const told = errors.slice(0, MAX_FAULTS_IN_MESSAGE).map((fault) => ` ${fault.pointer}: ${fault.detail}.`);
    const body = {
      type: `urn:remediation-gateway:problem:${code}`,
      title,
      status,
      detail,
      instance,
      requestId,
      errors: errors.length > 0 ? errors : undefined,
      error: {
        code,
        message: [detail, ...told].join(""),
        innerError: {
          date: new Date(began).toISOString().slice(0, 19),
          "request-id": requestId,
          "client-request-id": clientRequestId,
        },
      },
    };
    return new Response(JSON.stringify(body), {
      status,
      headers: { ...this.headers, "Content-Type": /^\/(v1\.0|beta)\//.test(instance) ? "application/json" : "application/problem+json" },
    });
  }
}
