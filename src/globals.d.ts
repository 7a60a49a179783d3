/** SHA-256 of the shipped model's weights, put in by the build: a new model is a new entry in the browser's store. */
declare const __SHIPPED_REVISION__: string;

/**
 * What every file of the shipped model must be, put in by the build. Empty while the page is served from its sources: there
 * the files may change at any time.
 */
declare const __SHIPPED_FILES__: Readonly<
  Record<string, { readonly bytes: number; readonly chunks: readonly string[] }>
>;

/** The built page's files but for the model's, put into the service worker by the build. */
declare const __PAGE_FILES__: readonly { readonly path: string; readonly integrity: string }[];

/** Version of this app, put in by the build: saved edits tell what made them. */
declare const __APP_VERSION__: string;
