/** SHA-256 of the shipped model's weights, put in by the build: a new model is a new entry in the browser's store. */
declare const __SHIPPED_REVISION__: string;
