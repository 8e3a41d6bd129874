//! Reads the workspace's sources: which paths each file names, outside its tests, and where.

use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A path named in a source file, from its first segment: `["crate", "keys", "Keys"]`.
pub(crate) struct Mention {
    /// The segments, `super` and `self` already resolved to `crate`.
    pub(crate) segments: Vec<String>,
    /// The line it stands on.
    pub(crate) line: usize,
}

/// One parsed source file.
pub(crate) struct Source {
    /// Relative to the workspace.
    pub(crate) path: PathBuf,
    /// The syntax, tests removed.
    pub(crate) file: syn::File,
    /// The module path inside its crate: `["audit", "store"]`.
    pub(crate) module: Vec<String>,
}

/// The workspace's folder.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Every source file below `src` (relative to the workspace) that is not only for tests.
pub(crate) fn sources(src: &str) -> Vec<Source> {
    let root = workspace().join(src);
    let mut found = Vec::new();
    collect(&root, &mut found);
    found.sort();
    let parsed = found.into_iter().map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut file = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        file.items.retain(|item| !only_for_tests(attributes(item)));
        let module = module_of(path.strip_prefix(&root).unwrap());
        let path = path.strip_prefix(workspace()).unwrap().to_owned();
        Source { path, file, module }
    });
    parsed
        .filter(|source| !source.module.iter().any(|m| m == "tests" || m == "test"))
        .collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

fn module_of(relative: &Path) -> Vec<String> {
    let mut parts: Vec<String> = relative
        .iter()
        .map(|p| p.to_str().unwrap().trim_end_matches(".rs").to_owned())
        .collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib")) {
        parts.pop();
    }
    parts
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(i) => &i.attrs,
        syn::Item::Enum(i) => &i.attrs,
        syn::Item::Fn(i) => &i.attrs,
        syn::Item::Impl(i) => &i.attrs,
        syn::Item::Macro(i) => &i.attrs,
        syn::Item::Mod(i) => &i.attrs,
        syn::Item::Static(i) => &i.attrs,
        syn::Item::Struct(i) => &i.attrs,
        syn::Item::Trait(i) => &i.attrs,
        syn::Item::Type(i) => &i.attrs,
        syn::Item::Use(i) => &i.attrs,
        _ => &[],
    }
}

fn only_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| {
        a.path().is_ident("cfg")
            && a.parse_args::<syn::Path>()
                .is_ok_and(|condition| condition.is_ident("test"))
    })
}

impl Source {
    /// Every path that the file names, in macros too.
    pub(crate) fn mentions(&self) -> Vec<Mention> {
        let mut mentions = Mentions {
            module: &self.module,
            found: Vec::new(),
        };
        mentions.visit_file(&self.file);
        mentions.found
    }

    /// The file's own name: `store.rs`.
    pub(crate) fn name(&self) -> &str {
        self.path.file_name().unwrap().to_str().unwrap()
    }

    /// The room it lives in; none for `lib.rs`.
    pub(crate) fn room(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }
}

struct Mentions<'a> {
    module: &'a [String],
    found: Vec<Mention>,
}

impl Mentions<'_> {
    fn add(&mut self, segments: Vec<String>, span: Span) {
        let mut resolved = Vec::new();
        let mut module = self.module.to_vec();
        for segment in segments {
            match segment.as_str() {
                "super" => {
                    module.pop();
                    resolved = std::iter::once("crate".to_owned())
                        .chain(module.clone())
                        .collect();
                }
                "self" if resolved.is_empty() => {
                    resolved = std::iter::once("crate".to_owned())
                        .chain(module.clone())
                        .collect();
                }
                _ => resolved.push(segment),
            }
        }
        self.found.push(Mention {
            segments: resolved,
            line: span.start().line,
        });
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let mut path = before.to_vec();
        match tree {
            syn::UseTree::Path(p) => {
                path.push(p.ident.to_string());
                self.tree(&path, &p.tree);
            }
            syn::UseTree::Name(n) => {
                path.push(n.ident.to_string());
                self.add(path, n.ident.span());
            }
            syn::UseTree::Rename(r) => {
                path.push(r.ident.to_string());
                self.add(path, r.ident.span());
            }
            syn::UseTree::Glob(g) => self.add(path, g.star_token.spans[0]),
            syn::UseTree::Group(g) => g.items.iter().for_each(|t| self.tree(&path, t)),
        }
    }

    /// Paths inside a macro's tokens: `ident :: ident …`.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut span = Span::call_site();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.flush(&mut path, span);
                        span = ident.span();
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(p) if p.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.flush(&mut path, span);
                    self.tokens(group.stream());
                }
                _ => {
                    self.flush(&mut path, span);
                    colons = 0;
                }
            }
        }
        self.flush(&mut path, span);
    }

    fn flush(&mut self, path: &mut Vec<String>, span: Span) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.add(path, span);
        }
    }
}

impl<'ast> Visit<'ast> for Mentions<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !only_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            let segments = path.segments.iter().map(|s| s.ident.to_string()).collect();
            self.add(segments, first.ident.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.visit_path(&mac.path);
        self.tokens(mac.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        self.visit_path(attribute.path());
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }
}

/// Every Rust file of the workspace's packages, tests too.
pub(crate) fn rust_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [
        "federation-protocol",
        "node",
        "registry",
        "tests",
        "examples",
    ] {
        collect(&workspace().join(folder), &mut found);
    }
    found
}
