// The rules for the connector: the rules of Microsoft's published schemas beyond OpenAPI 2.0, and the conventions of
// Microsoft's connector repository. `swaggerFaults` and `propertiesFaults` return each violation with its path. A
// library checks OpenAPI 2.0 itself. `placeholderFaults` returns each value that the publisher of a connector must
// fill in.

/**
 * Extensions that the schema allows, by the kind of object. Any other `x-ms-` extension is an error. Extensions without
 * `ms` are allowed everywhere.
 */
const EXTENSIONS = {
  root: ["x-ms-capabilities", "x-ms-connector-metadata", "x-ms-docs"],
  operation: ["x-ms-api-annotation", "x-ms-capabilities", "x-ms-no-generic-test", "x-ms-safe-operation", "x-ms-summary", "x-ms-trigger", "x-ms-visibility"],
  parameter: ["x-ms-dynamic-list", "x-ms-dynamic-values", "x-ms-enum-values", "x-ms-summary", "x-ms-test-value", "x-ms-url-encoding", "x-ms-visibility"],
  response: ["x-ms-summary"],
  header: ["x-ms-summary", "x-ms-visibility"],
  schema: ["x-ms-dynamic-list", "x-ms-dynamic-properties", "x-ms-dynamic-schema", "x-ms-dynamic-values", "x-ms-enum-values", "x-ms-summary", "x-ms-test-value", "x-ms-visibility"],
};
const VISIBILITIES = ["important", "advanced", "internal"];
const FORMATS = ["int32", "int64", "float", "double", "byte", "binary", "date", "date-time", "password", "date-no-tz", "email", "html", "uri", "uuid"];
const METADATA = ["Website", "Privacy policy", "Categories"];
const CATEGORIES = [
  "AI", "Business Management", "Business Intelligence", "Collaboration", "Commerce", "Communication", "Content and Files", "Finance", "Data", "Human Resources",
  "Internet of Things", "IT Operations", "Lifestyle and Entertainment", "Marketing", "Productivity", "Sales and CRM", "Security", "Social Media", "Website",
];
/** Words in lower case within title case, except as the first word. */
const SMALL_WORDS = ["a", "an", "and", "as", "at", "be", "by", "for", "in", "it", "of", "on", "or", "sent", "the", "to", "would"];
const PRODUCTS = /\b(power (platform|automate|apps|bi|virtual agents)|copilot studio|microsoft|outlook|defender|sentinel)\b/i;

const isSentence = (text) => /^[A-Z0-9].*\.$/s.test(text);
const isTitleCase = (text) =>
  /^[A-Z]/.test(text) && text.split(" ").every((word) => /^[A-Z0-9]/.test(word) || SMALL_WORDS.includes(word)) && /[\w)]$/.test(text);

export function swaggerFaults(swagger) {
  const found = [];
  const report = (path, what) => found.push(`${path}: ${what}`);
  const checkExtensions = (value, kind, path) => {
    for (const name of Object.keys(value)) if (name.startsWith("x-ms-") && !EXTENSIONS[kind].includes(name)) report(path, `may not have ${name}`);
    if (value["x-ms-visibility"] !== undefined && !VISIBILITIES.includes(value["x-ms-visibility"])) report(path, "has an unknown visibility");
    if (value.format !== undefined && !FORMATS.includes(value.format)) report(path, `has the unknown format ${value.format}`);
  };
  /** Checks the label and the description of a value that people enter, choose or read. */
  const checkLabel = (value, path, isInput) => {
    const label = value["x-ms-summary"];
    if (label === undefined) report(path, "has no x-ms-summary");
    else if (!isTitleCase(label)) report(path, `has an x-ms-summary that is not in title case: ${label}`);
    checkDescription(value, label, path);
    if (isInput && value["x-ms-visibility"] === undefined) report(path, "has no x-ms-visibility");
    if (value["x-ms-visibility"] === "internal" && value.default === undefined) report(path, "is hidden and has no default");
    const choices = value["x-ms-enum-values"]?.map((choice) => choice.value);
    if (isInput && value.enum && JSON.stringify(choices) !== JSON.stringify(value.enum)) report(path, "has an enum whose members have no names for people");
  };
  const checkDescription = (value, label, path) => {
    if (!isSentence(value.description ?? "")) report(path, "has no description that ends with a period");
    if (label !== undefined && value.description?.replace(/\.$/, "").toLowerCase() === label.toLowerCase()) report(path, "says the same in its description as in its summary");
  };

  // The connector itself.
  const { info } = swagger;
  if (swagger.swagger !== "2.0") report("swagger", "is not 2.0");
  if (/\b(API|connector)\b/i.test(info.title)) report("info.title", "has the word API or connector");
  if (PRODUCTS.test(info.title) || PRODUCTS.test(info.description)) report("info", "names a Microsoft product");
  if (info.title.length > 30) report("info.title", "is longer than 30 characters");
  if (info.description.length < 30 || info.description.length > 500) report("info.description", "does not have 30 to 500 characters");
  if (/\bAPI\b/.test(info.description)) report("info.description", "has the word API");
  if (!/^\d+(\.\d+)+$/.test(info.version)) report("info.version", "is no version");
  for (const member of ["name", "url", "email"])
    if (!info.contact?.[member]) report("info.contact", `has no ${member}`);
  if (JSON.stringify(swagger.schemes) !== '["https"]') report("schemes", "has something else than https");
  if (!/^[^{}/ :\\]+$/.test(swagger.host)) report("host", "is no host name");
  checkExtensions(swagger, "root", "/");
  const metadata = swagger["x-ms-connector-metadata"] ?? [];
  if (JSON.stringify(metadata.map((property) => property.propertyName)) !== JSON.stringify(METADATA)) report("x-ms-connector-metadata", "is not website, privacy policy and categories");
  for (const { propertyName, propertyValue } of metadata) {
    const isValid = propertyName === "Categories" ? propertyValue.split(";").every((category) => CATEGORIES.includes(category)) : URL.canParse(propertyValue);
    if (!isValid) report("x-ms-connector-metadata", `has a bad ${propertyName}`);
  }

  // Operations.
  const operationIds = new Set();
  for (const [route, methods] of Object.entries(swagger.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const path = `${method} ${route}`;
      checkExtensions(operation, "operation", path);
      if (!/^([A-Z][a-z0-9]+)+$/.test(operation.operationId ?? "")) report(path, "has an operationId that is not in Pascal case");
      if (operationIds.has(operation.operationId)) report(path, "has the operationId of another");
      operationIds.add(operation.operationId);
      if (!/^[A-Z][^/]{0,78}\w$/.test(operation.summary ?? "")) report(path, "has no summary of at most 80 characters without a slash or a mark at its end");
      checkDescription(operation, operation.summary, path);
      if (operation["x-ms-visibility"] === undefined) report(path, "has no x-ms-visibility");
      for (const parameter of operation.parameters ?? []) {
        const place = `${path} ${parameter.name}`;
        checkExtensions(parameter, "parameter", place);
        checkLabel(parameter, place, parameter.in !== "body");
      }
      const statuses = Object.keys(operation.responses);
      if (!statuses.some((status) => /^2\d\d$/.test(status))) report(path, "has no explicit success");
      if (statuses.includes("default")) report(path, "has a default response, which hides what is not described");
      for (const [status, response] of Object.entries(operation.responses)) {
        const place = `${path} ${status}`;
        checkExtensions(response, "response", place);
        if (!isSentence(response.description)) report(place, "has no description that ends with a period");
        if (!response.schema) report(place, "has no schema");
        for (const [name, header] of Object.entries(response.headers ?? {})) {
          checkExtensions(header, "header", `${place} ${name}`);
          if (!isSentence(header.description ?? "")) report(`${place} ${name}`, "has no description that ends with a period");
        }
      }
    }
  }

  // Definitions.
  const inputs = new Set();
  const follow = (schema) => {
    const name = schema?.$ref?.replace("#/definitions/", "");
    if (name && !inputs.has(name)) {
      inputs.add(name);
      follow(swagger.definitions[name]);
    }
    for (const member of Object.values(schema?.properties ?? {})) follow(member);
    if (schema?.items) follow(schema.items);
  };
  const operations = Object.values(swagger.paths).flatMap((methods) => Object.values(methods));
  for (const operation of operations) for (const parameter of operation.parameters ?? []) follow(parameter.schema);
  const references = JSON.stringify(swagger);
  for (const [name, schema] of Object.entries(swagger.definitions)) {
    if (!references.includes(`"#/definitions/${name}"`)) report(name, "is not used");
    if (!isSentence(schema.description ?? "")) report(name, "has no description that ends with a period");
    checkExtensions(schema, "schema", name);
    for (const member of schema.required ?? []) if (!schema.properties[member]) report(name, `requires ${member}, which it does not have`);
    const labels = new Set();
    for (const [member, property] of Object.entries(schema.properties)) {
      const place = `${name}.${member}`;
      checkExtensions(property, "schema", place);
      if (property.$ref) continue;
      checkLabel(property, place, inputs.has(name));
      if (labels.has(property["x-ms-summary"])) report(place, "has the x-ms-summary of another member");
      labels.add(property["x-ms-summary"]);
    }
  }
  return found;
}

const UI_MEMBERS = ["displayName", "description", "tooltip", "tabIndex", "constraints"];
const CONSTRAINT_MEMBERS = [
  "clearText", "required", "tabIndex", "capability", "hidden", "allowedValues", "dependencies",
];
const OAUTH_MEMBERS = ["identityProvider", "clientId", "scopes", "redirectMode", "redirectUrl", "properties", "customParameters"];

export function propertiesFaults(properties, swagger) {
  const found = [];
  const report = (path, what) => found.push(`${path}: ${what}`);
  const checkMembers = (value, names, path) => {
    for (const name of Object.keys(value)) if (!names.includes(name)) report(path, `may not have ${name}`);
  };
  checkMembers(properties, ["properties"], "/");
  const { iconBrandColor, capabilities, publisher, policyTemplateInstances: policies, connectionParameterSets: sets } = properties.properties;
  // `stackOwner` is for certified connectors, and stops paconn from updating others.
  checkMembers(properties.properties, ["iconBrandColor", "capabilities", "publisher", "policyTemplateInstances", "connectionParameterSets"], "properties");
  if (!/^#[0-9A-F]{6}$/i.test(iconBrandColor ?? "") || /^#(007ee5|ffffff)$/i.test(iconBrandColor)) report("iconBrandColor", "is not a colour, or is reserved");
  if (JSON.stringify(capabilities) !== '["actions"]') report("capabilities", "are not actions");
  if (!publisher) report("publisher", "is missing");
  if (publisher !== swagger.info.contact?.name) report("publisher", "is not the name in the definition's contact");
  checkHost(policies, sets, report);

  checkMembers(sets, ["uiDefinition", "values"], "connectionParameterSets");
  const names = sets.values.map((set) => set.name);
  if (new Set(names).size !== names.length) report("connectionParameterSets", "has two sets of one name");
  for (const set of [sets, ...sets.values]) {
    if (!set.uiDefinition?.displayName || !isSentence(set.uiDefinition.description ?? "")) report(set.name ?? "connectionParameterSets", "does not say what it is");
  }
  const schemes = Object.entries(swagger.securityDefinitions);
  for (const set of sets.values) {
    checkMembers(set, ["name", "uiDefinition", "metadata", "parameters"], set.name);
    if (set.metadata?.allowSharing !== false) report(set.name, "lets a connection be shared, and with it someone's identity");
    for (const [name, parameter] of Object.entries(set.parameters)) {
      const path = `${set.name}.${name}`;
      checkMembers(parameter, ["type", "uiDefinition", "oAuthSettings"], path);
      checkMembers(parameter.uiDefinition ?? {}, UI_MEMBERS, `${path}.uiDefinition`);
      checkMembers(parameter.uiDefinition?.constraints ?? {}, CONSTRAINT_MEMBERS, `${path}.constraints`);
      if (parameter.uiDefinition?.constraints?.required !== "true") report(path, "is not required");
      if (!/^[0-9a-zA-Z_]+$/.test(name)) report(path, "has a name that the schema refuses");
      if (parameter.type === "oauthSetting") checkOauth(parameter, path, { report, checkMembers, schemes });
      else if (name === HOST) continue;
      else if (parameter.type !== "securestring" || parameter.uiDefinition?.constraints?.clearText !== false) report(path, "shows a secret");
      else if (!schemes.some(([scheme, { type }]) => scheme === name && type === "apiKey")) report(path, "is the key of no security definition");
    }
  }
  return found;
}

/** Connection parameter with the gateway's host, which differs for each operator. */
const HOST = "host";

function checkHost(policies, sets, report) {
  const [policy, ...more] = policies ?? [];
  if (policy?.templateId !== "dynamichosturl" || more.length > 0) return report("policyTemplateInstances", "is not the policy dynamichosturl alone");
  const { parameters = {} } = policy;
  if (!policy.title) report("policyTemplateInstances", "has no title");
  // Without operations, the policy is for all of them.
  if (Object.keys(parameters).join() !== "x-ms-apimTemplateParameter.urlTemplate") report("policyTemplateInstances", "has other parameters than the URL template");
  if (parameters["x-ms-apimTemplateParameter.urlTemplate"] !== `https://@connectionParameters('${HOST}')`) {
    report("policyTemplateInstances", "does not call the connection's host over https");
  }
  for (const set of sets.values) {
    const { type, uiDefinition, ...rest } = set.parameters[HOST] ?? {};
    if (type !== "string" || uiDefinition?.constraints?.required !== "true" || Object.keys(rest).length > 0) {
      report(`${set.name}.${HOST}`, "is not a required text without a default");
    }
  }
}

/** Returns the values that each publisher fills in. */
function fields(swagger, { properties }) {
  const metadata = (name) => swagger["x-ms-connector-metadata"].find((property) => property.propertyName === name)?.propertyValue;
  const { oAuthSettings: oauth } = properties.connectionParameterSets.values.map((set) => set.parameters.token).find(Boolean);
  const oauth2 = Object.values(swagger.securityDefinitions).find(({ type }) => type === "oauth2");
  return {
    "publisher": properties.publisher,
    "info.contact.name": swagger.info.contact.name,
    "info.contact.url": swagger.info.contact.url,
    "info.contact.email": swagger.info.contact.email,
    "host": swagger.host,
    "Website": metadata("Website"),
    "Privacy policy": metadata("Privacy policy"),
    "authorizationUrl": oauth2.authorizationUrl,
    "tokenUrl": oauth2.tokenUrl,
    "clientId": oauth.clientId,
    "tenantId": oauth.customParameters.tenantId.value,
    "resourceUri": oauth.customParameters.resourceUri.value,
  };
}

/** Fields of the publisher. The other fields belong to the tenant of a connector's users. */
export const PUBLISHER_FIELDS = ["publisher", "info.contact.name", "info.contact.url", "info.contact.email", "Website", "Privacy policy"];

/** Marks of an example: Microsoft's sample companies, reserved names, the empty GUID, and the development API. */
export const PLACEHOLDER = /contoso|fabrikam|\bexample\b|\.invalid\b|00000000-0000-0000-0000-000000000000|^api:\/\/remediation-gateway$|\[\[|<|your[ -]|to ?do/i;

/** Returns an error for each field that still has an example, only for the fields `names` if they are given. */
export function placeholderFaults(swagger, properties, names) {
  return Object.entries(fields(swagger, properties))
    .filter(([name, value]) => (names?.includes(name) ?? true) && (!value || PLACEHOLDER.test(value)))
    .map(([name, value]) => `${name}: still has the example ${JSON.stringify(value)}`);
}

function checkOauth(parameter, path, { report, checkMembers, schemes }) {
  const settings = parameter.oAuthSettings;
  checkMembers(settings, OAUTH_MEMBERS, path);
  if (settings.identityProvider !== "aad") report(path, "does not sign in to Entra ID");
  if (JSON.stringify(settings).match(/secret/i)) report(path, "holds a secret, which paconn takes as an argument");
  if (settings.redirectMode !== "GlobalPerConnector") report(path, "has no redirect URL per connector, so that another connector could receive its codes");
  checkMembers(settings.customParameters, ["resourceUri", "loginUri", "tenantId"], path);
  if (settings.properties.IsFirstParty !== "False") report(path, "claims to be Microsoft's own");
  const { resourceUri, tenantId } = settings.customParameters;
  if (!resourceUri?.value) report(path, "has no resource to ask a token for");
  if (/graph\.microsoft/.test(resourceUri?.value ?? "")) report(path, "requests a token for Microsoft Graph, which the gateway rejects");
  if (["common", "organizations"].includes(tenantId?.value)) report(path, "signs in to any tenant");
  const [, scheme] = schemes.find(([, { type }]) => type === "oauth2") ?? [];
  if (JSON.stringify(Object.keys(scheme?.scopes ?? {})) !== JSON.stringify(settings.scopes)) report(path, "asks for other scopes than the security definition");
  for (const url of [scheme?.authorizationUrl, scheme?.tokenUrl]) if (!url?.includes(`/${tenantId?.value}/`)) report(path, "is of a different tenant from the security definition");
}
