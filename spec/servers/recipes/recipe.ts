/** How one server is started, in the foreground. */
export interface Recipe {
  readonly command: readonly [program: string, ...args: string[]];
  /** Written to the path that the recipe was given, readable by root only. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
}
