// Packs the connector into a solution that Power Platform imports: node connector/publish.mjs [<file>]
//
// It rejects a connector whose publisher, contact or tenant is still an example of this repository. The package has the
// format of an unmanaged solution that was exported from Dataverse. It was never imported into Power Platform.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

import { placeholderFaults } from "./check.mjs";
import { zip } from "./zip.mjs";

/** Dataverse's ID of the connector. It stays the same, so that a second import updates the connector. */
const CONNECTOR_ID = "6d7e2f4a-3b58-4c19-9f0d-52a1c8e7b306";
/** Dataverse's component type for a connector. */
const CONNECTOR_COMPONENT = 372;
const DEFAULT_OUTPUT = fileURLToPath(new URL("../build/connector/solution.zip", import.meta.url));

const escape = (text) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const json = (value) => `${JSON.stringify(value, null, 4)}\n`;

/** Returns the prefix of the publisher's components: 2 to 8 lower-case letters, as Dataverse requires. */
export function prefixOf(publisher) {
  const prefix = publisher
    .toLowerCase()
    .replace(/[^a-z]/g, "")
    .slice(0, 8);
  if (prefix.length < 2 || prefix.startsWith("mscrm"))
    throw new Error(`${publisher} gives no prefix of 2 to 8 letters`);
  return prefix;
}

/** Returns the files of the solution by their names in the package. */
export function solutionFiles(swagger, { properties }, icon) {
  const { publisher, iconBrandColor, connectionParameterSets, policyTemplateInstances } = properties;
  const prefix = prefixOf(publisher);
  const name = `${prefix}_emailremediationgateway`;
  const { title, description, version, contact } = swagger.info;
  const part = (member) => `/Connector/${name}_${member}.json`;
  const namespace = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
  const localized = (text) =>
    `<LocalizedNames><LocalizedName description="${escape(text)}" languagecode="1033" /></LocalizedNames>`;
  return {
    "[Content_Types].xml": `<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
  <Default Extension="xml" ContentType="application/octet-stream" />
  <Default Extension="json" ContentType="application/octet-stream" />
  <Default Extension="Png" ContentType="application/octet-stream" />
</Types>
`,
    "solution.xml": `<?xml version="1.0" encoding="utf-8"?>
<ImportExportXml version="9.2" SolutionPackageVersion="9.2" languagecode="1033" generatedBy="CrmLive" ${namespace}>
  <SolutionManifest>
    <UniqueName>EmailRemediationGateway</UniqueName>
    ${localized(title)}
    <Descriptions />
    <Version>${version}</Version>
    <Managed>0</Managed>
    <Publisher>
      <UniqueName>${prefix}</UniqueName>
      ${localized(publisher)}
      <Descriptions />
      <EMailAddress>${escape(contact.email)}</EMailAddress>
      <SupportingWebsiteUrl>${escape(contact.url)}</SupportingWebsiteUrl>
      <CustomizationPrefix>${prefix}</CustomizationPrefix>
      <CustomizationOptionValuePrefix>10000</CustomizationOptionValuePrefix>
      <Addresses />
    </Publisher>
    <RootComponents>
      <RootComponent type="${CONNECTOR_COMPONENT}" id="{${CONNECTOR_ID}}" schemaName="${name}" behavior="0" />
    </RootComponents>
    <MissingDependencies />
  </SolutionManifest>
</ImportExportXml>
`,
    "customizations.xml": `<?xml version="1.0" encoding="utf-8"?>
<ImportExportXml ${namespace}>
  <Entities />
  <Roles />
  <Workflows />
  <FieldSecurityProfiles />
  <Templates />
  <EntityMaps />
  <EntityRelationships />
  <OrganizationSettings />
  <optionsets />
  <CustomControls />
  <EntityDataProviders />
  <Connectors>
    <Connector>
      <connectorid>${CONNECTOR_ID}</connectorid>
      <description>${escape(description)}</description>
      <displayname>${escape(title)}</displayname>
      <iconbrandcolor>${iconBrandColor}</iconbrandcolor>
      <name>${name}</name>
      <connectortype>1</connectortype>
      <openapidefinition>${part("openapidefinition")}</openapidefinition>
      <connectionparameters>${part("connectionparameters")}</connectionparameters>
      <connectionparametersets>${part("connectionparametersets")}</connectionparametersets>
      <policytemplateinstances>${part("policytemplateinstances")}</policytemplateinstances>
      <iconblob>/Connector/${name}_iconblob.Png</iconblob>
    </Connector>
  </Connectors>
  <Languages>
    <Language>1033</Language>
  </Languages>
</ImportExportXml>
`,
    [`Connector/${name}_openapidefinition.json`]: json(swagger),
    // An export has the parameters of the first set here as well.
    [`Connector/${name}_connectionparameters.json`]: json(connectionParameterSets.values[0].parameters),
    [`Connector/${name}_connectionparametersets.json`]: json(connectionParameterSets),
    [`Connector/${name}_policytemplateinstances.json`]: json(policyTemplateInstances),
    [`Connector/${name}_iconblob.Png`]: icon,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const read = (name) => readFileSync(new URL(name, import.meta.url));
  const swagger = JSON.parse(read("apiDefinition.swagger.json"));
  const properties = JSON.parse(read("apiProperties.json"));
  const placeholders = placeholderFaults(swagger, properties);
  if (placeholders.length > 0) {
    console.error(placeholders.join("\n"));
    console.error("Nothing was written. Replace these examples with your own values first.");
    process.exit(1);
  }
  const output = process.argv[2] ?? DEFAULT_OUTPUT;
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(output, zip(solutionFiles(swagger, properties, read("icon.png"))));
  console.log(output);
}
