// Problems: RFC 9457 members and Graph's error object in one body.

const STATUS_AND_TITLE = {
  invalidJson: [400, "The body is not valid JSON"],
  invalidPayload: [400, "The payload is not a valid remediation"],
  invalidRequest: [400, "The request is malformed"],
  unauthenticated: [401, "Credentials are required"],
  invalidCredentials: [401, "The credentials are not valid"],
  httpsRequired: [403, "HTTPS is required"],
  unknownCaller: [403, "The caller is not known"],
  actionNotAllowed: [403, "The action is not granted to the caller"],
  sendersCopyNotAllowed: [403, "The sender's copy is not granted to the caller"],
  recipientNotAllowed: [403, "A recipient is not granted to the caller"],
  tooManyEmails: [403, "The request has more emails than the caller is granted"],
  notFound: [404, "There is no such resource"],
  inProgress: [409, "The same remediation is in progress"],
  payloadTooLarge: [413, "The body is too large"],
  unsupportedMediaType: [415, "The body must be plain JSON in UTF-8"],
  idempotencyKeyReused: [422, "The idempotency key stands for another remediation"],
  quotaExceeded: [429, "The caller's quota is exhausted"],
  misconfigured: [500, "The gateway's configuration is invalid"],
  internal: [500, "The gateway failed"],
  graphError: [502, "Microsoft Graph answered unexpectedly"],
};

const MAX_ERRORS_IN_MESSAGE = 5;

/** Error that ends a request. `reason` is for the log only. */
export class Problem extends Error {
  constructor(code, detail, { errors = [], headers = {}, reason = detail } = {}) {
    super(reason);
    this.code = code;
    this.detail = detail;
    this.errors = errors;
    this.headers = headers;
  }

  /** Returns the response, without the headers that every response has. */
  response({ instance, requestId, clientRequestId, began }) {
    const [status, title] = STATUS_AND_TITLE[this.code];
    const { code, detail, errors } = this;
    const listed = errors.slice(0, MAX_ERRORS_IN_MESSAGE).map((error) => ` ${error.pointer}: ${error.detail}.`);
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
        message: [detail, ...listed].join(""),
        innerError: {
          date: new Date(began).toISOString().slice(0, 19),
          "request-id": requestId,
          "client-request-id": clientRequestId,
        },
      },
    };
    return Response.json(body, { status, headers: { ...this.headers, "Content-Type": "application/problem+json" } });
  }
}
