/**
 * A JSON Schema as rows for people: one a field, in order, with what may stand there.
 *
 * @module
 */

/** The part of JSON Schema that our schemas use; other words are passed over. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema | boolean;
  readonly prefixItems?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly [other: string]: unknown;
}

/** One field. */
export interface OutlineRow {
  /**
   * `crawl.depth`; `operations[].width` of every item of a list, `selectors.NAME` of every entry of a
   * map, `operations[resize].width` of those items whose kind is `resize`. Empty: the whole.
   */
  readonly path: string;
  /** `integer from 1 to 100`, `"inside" | "cover"`, `list of text`. */
  readonly type: string;
  readonly isRequired: boolean;
  /** What holds where nothing is written, as JSON. */
  readonly default?: string;
  /** Empty where the schema has none. */
  readonly description: string;
}

/** The fields of `schema`; of one that is no object, a single row for the whole. */
export function outlineOf(schema: JsonSchema): readonly OutlineRow[] {
  const outline = new Outline(schema);
  outline.whole();
  return outline.rows;
}

class Outline {
  readonly rows: OutlineRow[] = [];
  readonly #root: JsonSchema;
  /** Definitions that the walk has been in. */
  readonly #told = new Set<string>();

  constructor(root: JsonSchema) {
    this.#root = root;
  }

  whole(): void {
    this.#told.add("#");
    const root = this.#resolved(this.#root);
    const isPlain = root.properties !== undefined;
    if (!isPlain) this.#row("", root, true);
    this.#below("", root);
  }

  #field(path: string, given: JsonSchema, isRequired: boolean): void {
    const schema = this.#resolved(given);
    this.#row(path, schema, isRequired);
    this.#entered(given, () => this.#below(path, schema));
  }

  #row(path: string, schema: JsonSchema, isRequired: boolean, type = this.#typeOf(schema)): void {
    const { default: initial, description = "", properties } = schema;
    // The default of an object is that of its fields, which say it themselves.
    const isTold = initial !== undefined && properties === undefined;
    this.rows.push({
      path,
      type,
      isRequired,
      ...(isTold ? { default: JSON.stringify(initial) } : {}),
      description,
    });
  }

  /** What stands inside of `schema`, if anything does. */
  #below(path: string, schema: JsonSchema, kindField?: string): void {
    const { properties = {}, required = [], additionalProperties, items, prefixItems } = schema;
    for (const [name, value] of Object.entries(properties)) {
      if (name === kindField) continue;
      this.#field(joined(path, name), value, required.includes(name));
    }
    if (isSchema(additionalProperties)) this.#inner(joined(path, "NAME"), additionalProperties);
    if (isSchema(items)) this.#inner(`${path}[]`, items);
    for (const [index, item] of (prefixItems ?? []).entries()) {
      this.#inner(`${path}[${index}]`, item);
    }
    this.#variants(path, schema);
  }

  /** The items of a list and the values of a map have a row of their own if there is one to say. */
  #inner(path: string, given: JsonSchema): void {
    const schema = this.#resolved(given);
    if (schema.description !== undefined) return this.#field(path, given, false);
    this.#entered(given, () => this.#below(path, schema));
  }

  #variants(path: string, schema: JsonSchema, isOneOfMany = false): void {
    const variants = variantsOf(schema).filter((each) => {
      const variant = this.#resolved(each);
      return hasInside(variant) || variantsOf(variant).length > 0;
    });
    const areMany = isOneOfMany || variants.length > 1;
    for (const given of variants) {
      const variant = this.#resolved(given);
      const kind = areMany ? kindOf(variant) : undefined;
      if (variantsOf(variant).length > 0) {
        this.#entered(given, () => this.#variants(path, variant, areMany));
      } else if (kind === undefined) {
        this.#entered(given, () => this.#below(path, variant));
      } else {
        const named = `${path.replace(/\[\]$/, "")}[${kind.name}]`;
        this.#row(named, variant, false, `object${kind.condition}`);
        this.#entered(given, () => this.#below(named, variant, kind.constField));
      }
    }
  }

  /** Goes into what `given` refers to the first time: a definition is told once. */
  #entered({ $ref }: JsonSchema, walk: () => void): void {
    if ($ref !== undefined && this.#told.has($ref)) return;
    if ($ref !== undefined) this.#told.add($ref);
    walk();
  }

  #typeOf(schema: JsonSchema): string {
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.enum !== undefined) {
      return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
    }
    const variants = variantsOf(schema);
    if (variants.length > 0) {
      return [...new Set(variants.map((each) => this.#typeOf(this.#resolved(each))))].join(" or ");
    }
    const { type } = schema;
    if (type === undefined) return "anything";
    const names = typeof type === "string" ? [type] : type;
    return names.map((name) => this.#wordFor(name, schema)).join(" or ");
  }

  #wordFor(name: string, schema: JsonSchema): string {
    switch (name) {
      case "string":
        return "text";
      case "boolean":
        return "true or false";
      case "array": {
        const { items } = schema;
        if (!isSchema(items)) return "list";
        const inner = this.#typeOf(this.#resolved(items));
        return / or | \| /.test(inner) ? `list of (${inner})` : `list of ${inner}`;
      }
      case "integer":
      case "number":
        return `${name}${rangeOf(schema)}`;
      default:
        return name;
    }
  }

  /** Follows references; what is said beside a reference wins. */
  #resolved(schema: JsonSchema): JsonSchema {
    if (schema.allOf !== undefined) {
      const { allOf, ...own } = schema;
      return Object.assign({}, ...allOf.map((each) => this.#resolved(each)), own);
    }
    const { $ref, ...own } = schema;
    if ($ref === undefined) return schema;
    const target = $ref === "#"
      ? this.#root
      : this.#root.$defs?.[$ref.replace(/^#\/\$defs\//, "")] ?? {};
    return { ...this.#resolved(target), ...own };
  }
}

/** What tells a variant from the others: its title, or the value of the field that says its kind. */
interface Kind {
  readonly name: string;
  /** For its row: `with type "resize"`. */
  readonly condition: string;
  /** Says nothing more than that. */
  readonly constField?: string;
}

function kindOf({ title, properties = {} }: JsonSchema): Kind | undefined {
  if (title !== undefined) return { name: title, condition: "" };
  const [field, schema] = Object.entries(properties).find(([, each]) => each.const !== undefined) ??
    Object.entries(properties).find(([, each]) => each.enum !== undefined) ?? [];
  if (field === undefined || schema === undefined) return undefined;
  const values = schema.enum ?? [schema.const];
  return {
    name: values.map(String).join("|"),
    condition: schema.const === undefined ? "" : ` with ${field} ${JSON.stringify(schema.const)}`,
    ...(schema.const === undefined ? {} : { constField: field }),
  };
}

function variantsOf({ anyOf = [], oneOf = [] }: JsonSchema): readonly JsonSchema[] {
  return [...anyOf, ...oneOf];
}

function joined(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function hasInside({ properties, additionalProperties, items, prefixItems }: JsonSchema): boolean {
  return properties !== undefined || isSchema(additionalProperties) || isSchema(items) ||
    prefixItems !== undefined;
}

function rangeOf(schema: JsonSchema): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const parts = [
    minimum === undefined ? "" : ` from ${minimum}`,
    exclusiveMinimum === undefined ? "" : ` above ${exclusiveMinimum}`,
    maximum === undefined ? "" : ` to ${maximum}`,
    exclusiveMaximum === undefined ? "" : ` below ${exclusiveMaximum}`,
  ];
  return parts.join("");
}
