// Rules of the Azure-Sentinel gallery for a playbook's template, as of November 2026: the gallery's validation
// (`.script/playbooksValidator.ts` and its checkers), its contribution guide, and arm-ttk's test of minimum and
// maximum.

const SUPPORTED_ENTITIES = [
  "account",
  "azureresource",
  "cloudapplication",
  "dnsresolution",
  "file",
  "filehash",
  "host",
  "hostlogonsession",
  "iotdevice",
  "ip",
  "mailbox",
  "mailcluster",
  "mailmessage",
  "malware",
  "networkconnection",
  "process",
  "registrykey",
  "registryvalue",
  "securitygroup",
  "submissionmail",
  "url",
];
const TIERS = ["microsoft", "community", "developer"];
const LOCATION = "[resourceGroup().location]";
const BUTTON = /https:\/\/portal\.azure\.(?:com|us)\/#create\/Microsoft\.Template\/uri\/([^")\s]+)/g;
/** Part of a button's link that the publisher of a copy fills in: see `publish.mjs`. */
export const REPOSITORY_PLACEHOLDER = "OWNER/REPOSITORY";

const isText = (value) => typeof value === "string" && value.trim() !== "";
const isListOfTexts = (value) => Array.isArray(value) && value.length > 0 && value.every(isText);

/** Reports each violation of the gallery's rules in a template. */
export function checkGalleryRules(template, report) {
  const { metadata = {}, parameters = {}, variables = {}, resources = [] } = template;
  const name = parameters.PlaybookName?.defaultValue;
  if (!isText(name)) report("/parameters/PlaybookName", "is missing, or has no default");
  if (!isText(metadata.title) || metadata.title.toLowerCase() !== name?.toLowerCase().replaceAll("-", " "))
    report("/metadata/title", "is not the playbook's name with spaces");
  if (!isText(metadata.description)) report("/metadata/description", "is missing");
  for (const member of ["prerequisites", "postDeployment", "tags"])
    if (!isListOfTexts(metadata[member])) report(`/metadata/${member}`, "is not an array of texts");
  if (
    !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(metadata.lastUpdateTime) ||
    Number.isNaN(Date.parse(metadata.lastUpdateTime))
  )
    report("/metadata/lastUpdateTime", "is not a UTC timestamp");
  if (!TIERS.includes(metadata.support?.tier))
    report("/metadata/support/tier", "is not microsoft, community or developer");
  if (metadata.support?.tier === "developer" && !isText(metadata.support.link))
    report("/metadata/support/link", "is missing, which the tier developer requires");
  if (!isText(metadata.author?.name)) report("/metadata/author/name", "is missing");
  for (const entity of metadata.entities ?? [])
    if (!SUPPORTED_ENTITIES.includes(entity.toLowerCase()))
      report("/metadata/entities", `names ${entity}, which Microsoft Sentinel does not support`);
  const notes = metadata.releaseNotes;
  const isReleaseNote = (note) => isText(note?.version) && isText(note.title) && isListOfTexts(note.notes);
  if (!Array.isArray(notes) || notes.length === 0 || !notes.every(isReleaseNote))
    report("/metadata/releaseNotes", "is not an array of version, title and notes");

  for (const [key, { minValue, maxValue, defaultValue }] of Object.entries(parameters)) {
    const path = `/parameters/${key}`;
    if ((minValue === undefined) !== (maxValue === undefined))
      report(path, "has a minimum or a maximum, but not both");
    if ([minValue, maxValue].some((value) => value !== undefined && !Number.isInteger(value)))
      report(path, "has a minimum or maximum that is not an integer");
    if (defaultValue < minValue || defaultValue > maxValue)
      report(path, "has a default outside its minimum and maximum");
  }

  resources.forEach((resource, index) => {
    const path = `/resources/${index}`;
    if (resource.location !== LOCATION) report(`${path}/location`, `is not ${LOCATION}`);
    if (Object.hasOwn(resource, "condition") && typeof resource.condition !== "boolean")
      report(`${path}/condition`, "is not a boolean, which the gallery's schema requires");
    if (resource.type === "Microsoft.Web/connections") {
      const variable = /^\[variables\('(\w+)'\)\]$/.exec(resource.name)?.[1];
      if (!variable || !Object.hasOwn(variables, variable))
        report(`${path}/name`, "is not a variable of the template");
      if (resource.properties.customParameterValues === undefined)
        report(`${path}/properties`, "lacks customParameterValues");
    }
    if (resource.type === "Microsoft.Logic/workflows") {
      const { tags = {} } = resource;
      if (resource.name !== "[parameters('PlaybookName')]")
        report(`${path}/name`, "is not the parameter PlaybookName");
      if (tags["hidden-SentinelTemplateName"] !== name || /\s/.test(name))
        report(`${path}/tags`, "lacks hidden-SentinelTemplateName, or it is not the playbook's name");
      const version = tags["hidden-SentinelTemplateVersion"];
      if (!/^\d+\.\d+(\.\d+)?$/.test(version))
        report(`${path}/tags`, "lacks hidden-SentinelTemplateVersion, or it is not a version");
      else if (Array.isArray(notes) && notes.at(-1)?.version !== version)
        report(`${path}/tags`, "has a different version from the last of the release notes");
    }
  });
}

/** Reports missing parts of a playbook's readme: the template's metadata, and a button that deploys this template. */
export function checkReadme(readme, folder, { metadata }, report) {
  const path = `${folder}/readme.md`;
  // The README wraps its lines.
  const text = readme.replace(/\s+/g, " ");
  if (!readme.startsWith(`# ${metadata.title}\n`)) report(path, "does not begin with the title");
  for (const fact of [
    metadata.description,
    ...metadata.prerequisites,
    ...metadata.postDeployment,
    metadata.author.name,
  ])
    if (!text.includes(fact)) report(path, `lacks: ${fact}`);
  const links = [...readme.matchAll(BUTTON)].map((match) => decodeURIComponent(match[1]));
  if (links.length === 0 || !readme.includes("https://aka.ms/deploytoazurebutton"))
    report(path, "has no Deploy to Azure button");
  for (const link of links) {
    if (
      !new RegExp(
        `^https://raw\\.githubusercontent\\.com/[\\w.-]+/[\\w.-]+/[\\w.-]+/playbooks/${folder}/azuredeploy\\.json$`,
      ).test(link)
    )
      report(path, `has a button that deploys ${link}`);
  }
}
