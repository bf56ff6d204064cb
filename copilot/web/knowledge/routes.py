"""All pages of knowledge bases, for the application."""

from copilot.web.knowledge import files, pages, passages, tries, versions

ROUTES = (
    *pages.ROUTES,
    *files.ROUTES,
    *passages.ROUTES,
    *versions.ROUTES,
    *tries.ROUTES,
)
