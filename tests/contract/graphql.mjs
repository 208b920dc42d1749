// GraphQL exchanges, held against GitHub's public schema: the document, its variables, and the answer's shape.

import { schema } from "@octokit/graphql-schema";
import {
  buildSchema, getNamedType, getNullableType, getVariableValues, isAbstractType, isLeafType, isListType, isNonNullType,
  isObjectType, Kind, parse, typeFromAST, TypeNameMetaFieldDef, validate,
} from "graphql";

/** GitHub's GraphQL schema. */
export class GraphQl {
  // The published text names a few fields twice; what is asked for is validated all the same.
  #schema = buildSchema(schema.idl, { assumeValid: true, assumeValidSDL: true });

  /** The fields of the root type that a document asks for, as `mutation pinIssue`. */
  operation(body) {
    const operation = definitions(body, Kind.OPERATION_DEFINITION)[0];
    const below = operation.selectionSet.selections.flatMap((part) => {
      const inner = part.name.value === "repository" ? part.selectionSet.selections : [];
      return [part.name.value, ...new Set(inner.map((field) => `${part.name.value}.${field.name.value}`))];
    });
    return `${operation.operation} ${below.at(-1)}`;
  }

  /** Everything wrong with a request, as lines. */
  requestFaults(body) {
    for (const name of Object.keys(body)) {
      if (!["query", "variables", "operationName"].includes(name)) return [`\`${name}\` is no part of a request`];
    }
    let document;
    try {
      document = parse(body.query);
    } catch (error) {
      return [error.message];
    }
    const faults = validate(this.#schema, document).map((error) => error.message);
    if (faults.length > 0) return faults;
    const declared = definitions(body, Kind.OPERATION_DEFINITION)[0].variableDefinitions ?? [];
    const names = new Set(declared.map((variable) => variable.variable.name.value));
    const unknown = Object.keys(body.variables ?? {}).filter((name) => !names.has(name));
    const { errors = [] } = getVariableValues(this.#schema, declared, body.variables ?? {});
    const undeclared = unknown.map((name) => `the variable \`${name}\` is not declared`);
    return [...undeclared, ...errors.map((error) => error.message)];
  }

  /** Everything wrong with an answer of status 200, as lines. */
  answerFaults(body, answer) {
    const faults = Object.keys(answer ?? {})
      .filter((name) => !["data", "errors", "extensions"].includes(name))
      .map((name) => `\`${name}\` is no part of an answer`);
    for (const error of answer?.errors ?? []) {
      if (typeof error.message !== "string") faults.push("an error has no message");
      if (error.path !== undefined && !Array.isArray(error.path)) faults.push("an error's path is no list");
    }
    const hasErrors = (answer?.errors ?? []).length > 0;
    if (answer?.data === null || answer?.data === undefined) {
      return hasErrors ? faults : [...faults, "there are neither data nor errors"];
    }
    const operation = definitions(body, Kind.OPERATION_DEFINITION)[0];
    const root = operation.operation === "mutation" ? this.#schema.getMutationType() : this.#schema.getQueryType();
    const shape = new Shape(this.#schema, definitions(body, Kind.FRAGMENT_DEFINITION));
    return [...faults, ...shape.objectFaults(root, [operation.selectionSet], answer.data, "data")];
  }
}

function definitions(body, kind) {
  return parse(body.query).definitions.filter((definition) => definition.kind === kind);
}

/** The shape that the answer to a document has. */
class Shape {
  #schema;
  #fragments;

  constructor(schema, fragments) {
    this.#schema = schema;
    this.#fragments = new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
  }

  /** What is wrong with an object of which some selections were asked. */
  objectFaults(type, selections, value, path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${path} is no object`];
    const possible = isAbstractType(type) ? this.#schema.getPossibleTypes(type) : [type];
    const named = value.__typename ? possible.filter((one) => one.name === value.__typename) : possible;
    if (named.length === 0) return [`${path} is no ${value.__typename}`];
    const results = named.map((one) => this.#exactFaults(one, selections, value, path));
    return results.find((faults) => faults.length === 0) ?? results[0];
  }

  #exactFaults(type, selections, value, path) {
    const asked = new Map();
    for (const selection of selections) this.#collect(type, selection, asked);
    const faults = Object.keys(value)
      .filter((key) => !asked.has(key))
      .map((key) => `${path}.${key} was not asked for`);
    for (const [key, fields] of asked) {
      const name = fields[0].name.value;
      const field = name === "__typename" ? TypeNameMetaFieldDef : type.getFields()[name];
      const inner = fields.map((part) => part.selectionSet).filter(Boolean);
      if (!(key in value)) faults.push(`${path}.${key} is missing`);
      else faults.push(...this.#valueFaults(field.type, inner, value[key], `${path}.${key}`));
    }
    return faults;
  }

  /** The fields asked of a type, by the names their answers stand under. */
  #collect(type, selectionSet, asked) {
    for (const part of selectionSet.selections) {
      if (part.kind === Kind.FIELD) {
        const key = part.alias?.value ?? part.name.value;
        asked.set(key, [...(asked.get(key) ?? []), part]);
        continue;
      }
      const fragment = part.kind === Kind.FRAGMENT_SPREAD ? this.#fragments.get(part.name.value) : part;
      const condition = fragment.typeCondition ? typeFromAST(this.#schema, fragment.typeCondition) : type;
      const fits = isObjectType(condition) ? condition === type : this.#schema.isSubType(condition, type);
      if (fits) this.#collect(type, fragment.selectionSet, asked);
    }
  }

  #valueFaults(type, selections, value, path) {
    if (value === null) return isNonNullType(type) ? [`${path} is null`] : [];
    const present = getNullableType(type);
    if (isListType(present)) {
      if (!Array.isArray(value)) return [`${path} is no list`];
      return value.flatMap((item, at) => this.#valueFaults(present.ofType, selections, item, `${path}[${at}]`));
    }
    const named = getNamedType(present);
    if (!isLeafType(named)) return this.objectFaults(named, selections, value, path);
    try {
      // GitHub's own scalars are opaque here; numbers, texts, truth values and enums are not.
      named.parseValue(value);
      return typeof value === "object" ? [`${path} is no ${named.name}`] : [];
    } catch (error) {
      return [`${path}: ${error.message}`];
    }
  }
}
