// What main.ts uses of playwright-core, so that it compiles where that is not installed.

declare module 'playwright-core' {
  export interface Locator {
    click(): Promise<void>;
    count(): Promise<number>;
    fill(text: string): Promise<void>;
    first(): Locator;
    focus(): Promise<void>;
    getAttribute(name: string): Promise<string | null>;
    locator(selector: string, options?: { hasText?: string | RegExp }): Locator;
    press(key: string): Promise<void>;
    setInputFiles(files: string | readonly string[]): Promise<void>;
    textContent(): Promise<string | null>;
    waitFor(options?: { state?: 'attached' | 'detached' | 'visible' | 'hidden'; timeout?: number }): Promise<void>;
  }
  export interface Download {
    path(): Promise<string>;
    suggestedFilename(): string;
  }
  export interface Page {
    readonly keyboard: { press(key: string): Promise<void> };
    close(): Promise<void>;
    context(): { newCDPSession(page: Page): Promise<{ send(method: string, params: object): Promise<unknown> }> };
    dispatchEvent(selector: string, type: string, init: object): Promise<void>;
    emulateMedia(options: { colorScheme?: 'light' | 'dark'; reducedMotion?: 'reduce' }): Promise<void>;
    evaluate<T>(expression: string): Promise<T>;
    evaluateHandle(expression: string): Promise<object>;
    goto(url: string): Promise<unknown>;
    locator(selector: string, options?: { hasText?: string | RegExp }): Locator;
    on(event: 'console', listener: (message: { type(): string; text(): string }) => void): unknown;
    on(event: 'pageerror', listener: (error: Error) => void): unknown;
    on(event: 'dialog', listener: (dialog: { accept(): Promise<void> }) => void): unknown;
    screenshot(options: { path: string }): Promise<unknown>;
    setViewportSize(size: { width: number; height: number }): Promise<void>;
    waitForEvent(event: 'download'): Promise<Download>;
  }
  export interface Browser {
    close(): Promise<void>;
    newPage(options?: { viewport?: { width: number; height: number }; acceptDownloads?: boolean; locale?: string; timezoneId?: string }): Promise<Page>;
    version(): string;
  }
  export const chromium: { launch(options: { executablePath: string; headless: boolean; args: readonly string[] }): Promise<Browser> };
}
