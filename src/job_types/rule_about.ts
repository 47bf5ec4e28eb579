/**
 * Rules over several fields of a payload, beside the faults of its other fields.
 *
 * @module
 */

/** What a check of zod 4 is shown of the object that it is about to check. */
interface CheckedObject {
  readonly value: unknown;
  readonly issues: readonly { readonly path?: readonly PropertyKey[] | undefined }[];
}

/**
 * For a refinement's parameters: zod leaves a refinement out once anything of its object is wrong,
 * and one error is to name every fault. With this the rule holds as long as `fields` themselves can
 * be read, whatever is wrong beside them.
 */
export function ruleAbout(...fields: string[]): { when(checked: CheckedObject): boolean } {
  return {
    when: ({ value, issues }) =>
      typeof value === "object" && value !== null &&
      !issues.some(({ path = [] }) => fields.includes(String(path[0]))),
  };
}
