/** Swagger UI on this service's own description, which tells nobody else of it. */

// @ts-expect-error a global of the script before this one
SwaggerUIBundle({
  dom_id: "#docs",
  url: new URL("openapi.json", location.href).href,
  validatorUrl: null,
  deepLinking: true,
});
