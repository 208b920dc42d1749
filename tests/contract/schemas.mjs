// JSON Schema out of OpenAPI, in the readings that contracts need, and what a value lacks of its description.

import Ajv from "ajv/dist/2019.js";
import addFormats from "ajv-formats";

/** Keywords that say nothing about a value, or are read elsewhere. */
const SILENT = new Set([
  "$ref", "title", "description", "example", "examples", "default", "deprecated", "readOnly", "writeOnly", "nullable",
  "discriminator", "externalDocs", "required", "properties", "patternProperties", "items", "additionalProperties",
  "allOf", "anyOf", "oneOf", "not", "enum", "type",
]);
/** Most faults told of one value: the first ones say what is wrong. */
const FAULTS_MAX = 5;

/**
 * The schemas of one description. Every reading is closed: an object has no property that its description does not
 * name. `complete` readings ask for required properties, others do not: GitHub's own examples leave some out.
 */
export class Schemas {
  #components;
  #ajv;
  #added = new Set();
  #validators = { complete: new Map(), partial: new Map() };

  constructor(components) {
    this.#components = components;
    this.#ajv = new Ajv({ strict: false, allErrors: true, logger: false, inlineRefs: false, validateFormats: true });
    addFormats(this.#ajv);
    for (const format of ["uri", "uri-reference", "uri-template", "email"]) this.#ajv.addFormat(format, true);
    this.#ajv.addFormat("uri", { type: "string", validate: (text) => /^[a-z][a-z0-9+.-]*:[^\s]+$/i.test(text) });
  }

  /** The schema that a reference names. */
  resolve(schema) {
    let found = schema;
    while (found?.$ref) found = this.#components[found.$ref.split("/").at(-1)];
    if (found === undefined) throw new Error(`no schema ${JSON.stringify(schema)}`);
    return found;
  }

  /** What is wrong with a value, as lines; none where it fits. */
  faults(schema, value, reading) {
    const validate = this.#validator(schema, reading);
    if (validate(value)) return [];
    const lines = validate.errors.map((error) => {
      const more = error.params.unevaluatedProperty ?? error.params.allowedValues ?? error.params.type ?? "";
      return `${error.instancePath || "/"} ${error.message}${more === "" ? "" : ` (${more})`}`;
    });
    return [...new Set(lines)].slice(0, FAULTS_MAX);
  }

  #validator(schema, reading) {
    const known = this.#validators[reading];
    if (!known.has(schema)) known.set(schema, this.#ajv.compile(this.#convert(schema, reading, true)));
    return known.get(schema);
  }

  /** Adds a component in a reading and gives its id; `sealed`: nothing but what it names may stand beside it. */
  #reference(name, reading, sealed) {
    const id = `contract://schemas/${reading}/${sealed ? "sealed" : "open"}/${name}`;
    if (!this.#added.has(id)) {
      this.#added.add(id);
      const component = this.#components[name];
      if (component === undefined) throw new Error(`no schema \`${name}\``);
      this.#ajv.addSchema(this.#convert(component, reading, sealed), id);
    }
    return id;
  }

  #convert(schema, reading, sealed) {
    if (typeof schema !== "object" || schema === null) return schema;
    if (schema.$ref) return { $ref: this.#reference(schema.$ref.split("/").at(-1), reading, sealed) };
    const joined = schema.allOf && this.joined(schema);
    if (joined) return this.#convert(joined, reading, sealed);
    const plain = Object.entries(schema).filter(([keyword]) => !SILENT.has(keyword) && !keyword.startsWith("x-"));
    const converted = Object.fromEntries(plain);
    const inner = (part) => this.#convert(part, reading, true);
    for (const keyword of ["properties", "patternProperties"]) {
      const parts = Object.entries(schema[keyword] ?? {});
      if (schema[keyword]) converted[keyword] = Object.fromEntries(parts.map(([name, part]) => [name, inner(part)]));
    }
    for (const keyword of ["items", "additionalProperties", "not"]) {
      if (schema[keyword] !== undefined) converted[keyword] = inner(schema[keyword]);
    }
    if (reading === "complete" && schema.required) converted.required = schema.required;
    const isJoined = schema.properties !== undefined || schema.allOf !== undefined;
    if (schema.allOf) converted.allOf = schema.allOf.map((part) => this.#convert(part, reading, false));
    // Which one of several it is cannot be told where required properties do not count.
    const choices = [schema.anyOf, schema.oneOf].filter(Boolean);
    const choice = (parts) => ({ anyOf: parts.map((part) => this.#convert(part, reading, sealed && !isJoined)) });
    if (choices.length > 0) converted.allOf = [...(converted.allOf ?? []), ...choices.map(choice)];
    if (sealed && isJoined && schema.additionalProperties === undefined) converted.unevaluatedProperties = false;
    return withNull(schema, converted);
  }

  /**
   * An object that several parts describe together as one schema, in which each property has all that is said of it;
   * nothing where a part is no plain object.
   */
  joined(schema) {
    const parts = [{ ...schema, allOf: undefined }, ...schema.allOf].map((part) => this.resolve(part));
    const inner = parts.map((part) => (part.allOf ? this.joined(part) : part));
    if (inner.some((part) => !part || part.anyOf || part.oneOf || part.additionalProperties)) return undefined;
    const properties = {};
    for (const [name, part] of inner.flatMap((one) => Object.entries(one.properties ?? {}))) {
      properties[name] = properties[name] ? { allOf: [properties[name], part] } : part;
    }
    if (Object.keys(properties).length === 0) return undefined;
    const said = inner.filter((part) => part.type !== undefined || part.properties);
    const isNullable = said.every((part) => part.nullable === true || [part.type].flat().includes("null"));
    const required = [...new Set(inner.flatMap((part) => part.required ?? []))];
    return { type: isNullable ? ["object", "null"] : "object", properties, required };
  }

  /** Required properties that a value leaves out, as paths; of several descriptions that fit, those of the nearest. */
  missing(schema, value, path = "") {
    const resolved = this.resolve(schema);
    const whole = (resolved.allOf && this.joined(resolved)) || resolved;
    const found = [];
    if (value === null || typeof value !== "object") return found;
    if (Array.isArray(value)) {
      const items = whole.items ? value.map((item) => this.missing(whole.items, item, `${path}[]`)) : [];
      return [...new Set(items.flat())];
    }
    for (const name of whole.required ?? []) {
      if (!(name in value)) found.push(`${path}.${name}`);
    }
    for (const [name, part] of Object.entries(whole.properties ?? {})) {
      if (name in value) found.push(...this.missing(part, value[name], `${path}.${name}`));
    }
    for (const part of whole.allOf ?? []) found.push(...this.missing(part, value, path));
    const choices = (whole.anyOf ?? whole.oneOf ?? []).filter((part) => this.#isObject(part));
    const fitting = choices.filter((part) => this.faults(part, value, "partial").length === 0);
    const lists = fitting.map((part) => this.missing(part, value, path)).sort((one, two) => one.length - two.length);
    return [...new Set([...found, ...(lists[0] ?? [])])];
  }

  #isObject(schema) {
    const whole = this.resolve(schema);
    return Boolean(whole.properties ?? whole.allOf ?? whole.anyOf ?? whole.oneOf);
  }
}

/** OpenAPI 3.0 says `nullable` where JSON Schema has a type of its own. */
function withNull(schema, converted) {
  const isNullable = schema.nullable === true;
  if (schema.enum) {
    converted.enum = isNullable && !schema.enum.includes(null) ? [...schema.enum, null] : schema.enum;
  }
  if (schema.type !== undefined) {
    converted.type = isNullable ? [...new Set([schema.type, "null"].flat())] : schema.type;
    return converted;
  }
  return isNullable ? { anyOf: [converted, { type: "null" }] } : converted;
}
