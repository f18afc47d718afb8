// The piece of Microsoft's TypeScript SDKs that leads to the action. Their fluent API comes in one package per area, which plugs itself in through
// `extendGraphServiceClient`, and for the area "security" none is published. So this file replaces it: what Kiota generates for the action from Graph's
// metadata, in the form and with the names of the published areas (compare `users/item/sendMail` in @microsoft/msgraph-sdk-users). It does
// nothing itself: serialisation, authentication, retries, and the reading of answers and errors are the SDK's.

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

/** The area's metadata, for the SDK whose errors `createODataErrorFromDiscriminatorValue` makes, and whose model of an email is written by `serializeAnalyzedEmail`. */
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
