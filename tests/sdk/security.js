// The part of Microsoft's TypeScript SDKs with the action. The SDKs have one package per area of their fluent API,
// which registers itself through `extendGraphServiceClient`, but no package for the area "security" is published.
//
// This file has the code that Kiota generates for the action from Graph's metadata, with the structure and the names of
// the published areas (compare `users/item/sendMail` in @microsoft/msgraph-sdk-users). The SDK itself serialises,
// authenticates, retries, and parses responses and errors.

const serializeRemediatePostRequestBody = (serializeAnalyzedEmail) => (writer, body = {}, isSerializingDerivedType = false) => {
  if (!body || isSerializingDerivedType) return;
  writer.writeEnumValue("action", body.action);
  writer.writeCollectionOfObjectValues("analyzedEmails", body.analyzedEmails, serializeAnalyzedEmail);
  writer.writeStringValue("description", body.description);
  writer.writeStringValue("displayName", body.displayName);
  writer.writeBooleanValue("remediateSendersCopy", body.remediateSendersCopy ?? false);
  writer.writeEnumValue("severity", body.severity);
  writer.writeAdditionalData(body.additionalData);
};

/** Returns the area's metadata, with the SDK's functions that create its errors and serialise its emails. */
export function security(createODataErrorFromDiscriminatorValue, serializeAnalyzedEmail) {
  const microsoftGraphSecurityRemediate = {
    requestsMetadata: {
      post: {
        uriTemplate: "{+baseurl}/security/collaboration/analyzedEmails/microsoft.graph.security.remediate",
        responseBodyContentType: "application/json",
        errorMappings: { XXX: createODataErrorFromDiscriminatorValue },
        adapterMethodName: "sendNoResponseContent",
        requestBodyContentType: "application/json",
        requestBodySerializer: serializeRemediatePostRequestBody(serializeAnalyzedEmail),
        requestInformationContentSetMethod: "setContentFromParsable",
      },
    },
  };
  const analyzedEmails = { navigationMetadata: { microsoftGraphSecurityRemediate } };
  const collaboration = { navigationMetadata: { analyzedEmails } };
  return { security: { navigationMetadata: { collaboration } } };
}
