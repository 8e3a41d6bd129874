//! A real browser: headless Chromium through chromedriver, as a phone or as a desk, with a passkey
//! in it.
//!
//! `None` where no chromedriver is installed: the test says so and passes over. `./tests/run`
//! installs it.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};

use crate::town::workspace;

/// A4 within margins of 1 cm, CSS pixels.
const PAPER_WIDTH: u64 = 718;

/// What a page may take over the line, all its files together.
pub const MOST_BYTES: f64 = 100.0 * 1024.0;

/// How large the window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// A phone of 360 points, with touch.
    Phone,
    /// A screen of 1280 points.
    Desk,
}

impl Window {
    /// Both.
    pub const ALL: [Window; 2] = [Window::Phone, Window::Desk];

    /// The word in names of screenshots.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Window::Phone => "phone",
            Window::Desk => "desk",
        }
    }
}

/// A browser with one window and a profile of its own.
pub struct Browser {
    client: Client,
    window: Window,
    driver: Child,
    profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a browser; `None`, said on standard error, where there is no chromedriver.
    pub async fn open(window: Window) -> Option<Browser> {
        Self::open_with(window, true).await
    }

    /// A browser that runs no script of any page.
    pub async fn open_without_scripts(window: Window) -> Option<Browser> {
        Self::open_with(window, false).await
    }

    async fn open_with(window: Window, scripts: bool) -> Option<Browser> {
        let Some((driver, port)) = start_driver() else {
            eprintln!("SKIPPED: no chromedriver here (apt-get install chromium-driver)");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let client = ClientBuilder::new(connector)
            .capabilities(capabilities(window, profile.path(), scripts))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("chromedriver opens a session");
        let browser = Browser {
            client,
            window,
            driver,
            profile,
        };
        browser.plug_authenticator_in().await;
        Some(browser)
    }

    /// A platform authenticator that verifies its user without asking, and knows PRF.
    async fn plug_authenticator_in(&self) {
        let authenticator = json!({
            "protocol": "ctap2", "ctap2Version": "2.1", "transport": "internal",
            "hasResidentKey": true, "hasUserVerification": true, "isUserVerified": true,
            "extensions": ["prf"],
        });
        self.command("webauthn/authenticator", authenticator).await;
    }

    async fn command(&self, path: &'static str, body: Value) -> Value {
        let done = self.client.issue_cmd(Extension { path, body }).await;
        done.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Its window.
    #[must_use]
    pub fn window(&self) -> Window {
        self.window
    }

    /// Opens an address and waits until it has loaded.
    pub async fn goto(&self, url: &str) {
        self.client.goto(url).await.expect(url);
    }

    /// The address it is at.
    pub async fn at(&self) -> String {
        self.client.current_url().await.unwrap().to_string()
    }

    /// Waits until it is no longer at a page whose path begins so, 15 seconds at most.
    pub async fn leaves(&self, path: &str) {
        for _ in 0..150 {
            let at = self.client.current_url().await.unwrap();
            if !at.path().starts_with(path) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("still at {}:\n{}", self.at().await, self.text("body").await);
    }

    /// Waits until `css` is there, 15 seconds at most.
    pub async fn wait_for(&self, css: &str) {
        let found = self
            .client
            .wait()
            .at_most(Duration::from_secs(15))
            .for_element(Locator::Css(css))
            .await;
        if found.is_err() {
            panic!(
                "no {css} at {}:\n{}",
                self.at().await,
                self.text("body").await
            );
        }
    }

    /// Waits until the page says `words`, 15 seconds at most.
    pub async fn wait_to_read(&self, words: &str) {
        for _ in 0..150 {
            if self.text("body").await.contains(words) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "no {words:?} at {}:\n{}",
            self.at().await,
            self.text("body").await
        );
    }

    /// Clicks the first element of `css`, once it is there.
    pub async fn click(&self, css: &str) {
        self.wait_for(css).await;
        let element = self.client.find(Locator::Css(css)).await.unwrap();
        self.bring(&element).await;
        if let Err(error) = element.click().await {
            panic!("{css} cannot be clicked at {}: {error}", self.at().await);
        }
    }

    /// Clicks the button or link that says `words`.
    pub async fn press(&self, words: &str) {
        let path = format!(
            "//*[self::button or self::a or self::summary or self::label][contains(normalize-space(.), '{words}')]"
        );
        let found = self
            .client
            .wait()
            .at_most(Duration::from_secs(15))
            .for_element(Locator::XPath(&path))
            .await;
        let Ok(element) = found else {
            panic!(
                "nothing says {words:?} at {}:\n{}",
                self.at().await,
                self.text("body").await
            );
        };
        self.bring(&element).await;
        element.click().await.unwrap();
    }

    /// Scrolls an element to the middle, as a person does before touching it: bars stay at the edges.
    async fn bring(&self, element: &fantoccini::elements::Element) {
        let element = serde_json::to_value(element).unwrap();
        let script = "arguments[0].scrollIntoView({block: 'center'})";
        self.client.execute(script, vec![element]).await.unwrap();
    }

    /// Types into the field `css`, in the place of what stands there.
    pub async fn fill(&self, css: &str, text: &str) {
        self.wait_for(css).await;
        let element = self.client.find(Locator::Css(css)).await.unwrap();
        element.clear().await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    /// Chooses an option of a select by its value.
    pub async fn choose(&self, css: &str, value: &str) {
        self.wait_for(css).await;
        let element = self.client.find(Locator::Css(css)).await.unwrap();
        element.select_by_value(value).await.unwrap();
    }

    /// What the first element of `css` says; nothing if it is not there.
    pub async fn text(&self, css: &str) -> String {
        match self.client.find(Locator::Css(css)).await {
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_not_there) => String::new(),
        }
    }

    /// How many elements of `css` there are.
    pub async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.unwrap().len()
    }

    /// An attribute or property of the first element of `css`.
    pub async fn attribute(&self, css: &str, name: &str) -> Option<String> {
        let element = self.client.find(Locator::Css(css)).await.ok()?;
        element.attr(name).await.ok().flatten()
    }

    /// Runs a script in the page, past its policy.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Lets scripts of a test import the page's own modules: from the next page on, the policy of pages
    /// binds nobody.
    pub async fn without_policy(&self) {
        let bypass = json!({"cmd": "Page.setBypassCSP", "params": {"enabled": true}});
        self.command("goog/cdp/execute", bypass).await;
    }

    /// Sets the cookie of a session that was opened otherwise. The page must be of its site.
    pub async fn take_session(&self, cookie: &str) {
        // Host-only, as the node sets it: fantoccini's own command always names a domain.
        let cookie = json!({"name": "__Host-musubi", "value": cookie, "path": "/",
            "secure": true, "httpOnly": true, "sameSite": "Lax"});
        self.command("cookie", json!({"cookie": cookie})).await;
    }

    /// Takes a picture of the whole page: in `docs/screenshots` with `UPDATE_SCREENSHOTS=1`, else
    /// in `target/screenshots`.
    pub async fn picture(&self, name: &str) {
        let height = self.run("return Math.min(document.documentElement.scrollHeight, 4000)");
        let height = height.await.as_u64().unwrap_or(800);
        // A window as tall as the page, so that bars stand at its end and not across it.
        self.stretch(height.max(780)).await;
        self.capture(&format!("{name}-{}", self.window.word()))
            .await;
        self.rest().await;
    }

    async fn capture(&self, name: &str) {
        let shot = self
            .command(
                "goog/cdp/execute",
                json!({"cmd": "Page.captureScreenshot", "params": {"format": "png"}}),
            )
            .await;
        let png = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            shot["data"].as_str().unwrap(),
        )
        .unwrap();
        let folder = picture_folder();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), png).unwrap();
    }

    /// A page as it is printed on A4, with its picture; what stands on paper. Nothing of it is cut at
    /// the edge.
    pub async fn print(&self, name: &str) -> String {
        self.emulate("print").await;
        self.sized(PAPER_WIDTH, 1_040, 1, false).await;
        // The page itself, or a box on it that hides what does not fit: paper has no scrolling.
        let cut = self
            .run(
                "return [...document.querySelectorAll('*')].filter(one => one.clientWidth > 1 \
                 && one.scrollWidth > one.clientWidth && (one === document.documentElement \
                 || getComputedStyle(one).overflowX !== 'visible')).map(one => one.outerHTML.slice(0, 80))",
            )
            .await;
        self.capture(&format!("{name}-paper")).await;
        let said = self.run("return document.body.innerText").await;
        self.emulate("").await;
        self.rest().await;
        assert_eq!(cut, json!([]), "{name} is cut on paper");
        said.as_str().unwrap().to_owned()
    }

    async fn emulate(&self, medium: &str) {
        let body = json!({"cmd": "Emulation.setEmulatedMedia", "params": {"media": medium}});
        self.command("goog/cdp/execute", body).await;
    }

    /// The window as it was opened.
    async fn rest(&self) {
        self.stretch(match self.window {
            Window::Phone => 780,
            Window::Desk => 900,
        })
        .await;
    }

    async fn stretch(&self, height: u64) {
        match self.window {
            Window::Phone => self.sized(360, height, 2, true).await,
            Window::Desk => self.sized(1280, height, 1, false).await,
        }
    }

    async fn sized(&self, width: u64, height: u64, scale: u8, mobile: bool) {
        let params =
            json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile});
        let body = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": params});
        self.command("goog/cdp/execute", body).await;
    }

    /// What is wrong with the page as it stands: what the console says, sideways scrolling, weight,
    /// and what axe finds serious or critical where axe-core is installed.
    pub async fn faults(&self) -> Vec<String> {
        let mut faults = self.console().await;
        let wide = self
            .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            .await;
        if wide.as_i64() != Some(0) {
            faults.push(format!("scrolls sideways by {wide}"));
        }
        let bytes = self
            .run(
                "return [...performance.getEntriesByType('navigation'), \
                 ...performance.getEntriesByType('resource')]\
                 .reduce((sum, one) => sum + one.transferSize, 0)",
            )
            .await;
        if bytes.as_f64().unwrap() > MOST_BYTES {
            faults.push(format!("weighs {bytes} bytes"));
        }
        faults.extend(self.axe().await);
        faults
    }

    /// Fails where the page has a fault, naming the page.
    pub async fn sound(&self, name: &str) {
        let faults = self.faults().await;
        assert!(
            faults.is_empty(),
            "{name} ({}) at {}:\n{}",
            self.window.word(),
            self.at().await,
            faults.join("\n")
        );
    }

    /// A page that is sound, with its picture.
    pub async fn show(&self, name: &str) {
        self.picture(name).await;
        self.sound(name).await;
    }

    /// What the console said since it was last asked, but for refusals that a page shows in words.
    async fn console(&self) -> Vec<String> {
        let log = self.command("se/log", json!({"type": "browser"})).await;
        let entries = log.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .map(|entry| format!("console: {}", entry["message"].as_str().unwrap_or_default()))
            // A page that says "not yours" is answered with its status, which Chromium logs.
            .filter(|line| !line.contains("the server responded with a status of"))
            .collect()
    }

    async fn axe(&self) -> Vec<String> {
        let Some(source) = axe_source() else {
            return Vec::new();
        };
        self.run(&format!("{source}; window.axe = axe;")).await;
        let found = self
            .client
            .execute_async(
                "const done = arguments[0]; window.axe.run(document, {resultTypes: ['violations']})\
                 .then((r) => done(r.violations.filter((v) => ['serious', 'critical'].includes(v.impact))\
                 .map((v) => `${v.id}: ${v.help} ${v.nodes.map((n) => n.html.slice(0, 160)).slice(0, 3).join(' | ')}`)))\
                 .catch((e) => done([`axe: ${e}`]))",
                Vec::new(),
            )
            .await
            .unwrap();
        let found = found.as_array().cloned().unwrap_or_default();
        found
            .iter()
            .map(|one| format!("axe {}", one.as_str().unwrap_or_default()))
            .collect()
    }

    /// Closes it.
    pub async fn close(mut self) {
        let _ = self.client.clone().close().await;
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }

    /// Ends what a killed driver leaves behind: the browser's processes name its profile.
    fn end_processes(&self) {
        let profile = self.profile.path().display().to_string();
        let _ = Command::new("pkill").args(["-9", "-f", &profile]).status();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        self.end_processes();
    }
}

fn picture_folder() -> PathBuf {
    match std::env::var_os("UPDATE_SCREENSHOTS") {
        Some(_) => workspace().join("docs/screenshots"),
        None => workspace().join("target/screenshots"),
    }
}

/// axe-core's source, where `MUSUBI_TEST_AXE` names the file; told once where it does not.
fn axe_source() -> Option<String> {
    static ONCE: std::sync::Once = std::sync::Once::new();
    let Some(path) = std::env::var_os("MUSUBI_TEST_AXE") else {
        ONCE.call_once(|| {
            eprintln!("SKIPPED: axe-core is not here (MUSUBI_TEST_AXE; ./tests/run)")
        });
        return None;
    };
    Some(std::fs::read_to_string(path).expect("MUSUBI_TEST_AXE names a file"))
}

fn start_driver() -> Option<(Child, u16)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut lines = BufReader::new(driver.stdout.take()?).lines();
    let port = lines.find_map(|line| {
        let line = line.ok()?;
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    })?;
    // What it says later goes nowhere, but must be read.
    std::thread::spawn(move || lines.for_each(drop));
    Some((driver, port))
}

fn capabilities(window: Window, profile: &std::path::Path, scripts: bool) -> Capabilities {
    let mut arguments: Vec<String> = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--lang=ja",
        "--window-size=1280,900",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut folder = String::new();
    let _ = write!(folder, "--user-data-dir={}", profile.display());
    arguments.push(folder);
    let mut options = json!({"args": arguments, "prefs": {"intl.accept_languages": "ja"}});
    if !scripts {
        options["prefs"]["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    if window == Window::Phone {
        options["mobileEmulation"] = json!({"deviceMetrics":
            {"width": 360, "height": 780, "pixelRatio": 2, "touch": true, "mobile": true}});
    }
    let all = json!({
        "goog:chromeOptions": options,
        "goog:loggingPrefs": {"browser": "ALL"},
        // A hospital's own sign-in stands behind a certificate of the test's.
        "acceptInsecureCerts": true,
        "webauthn:virtualAuthenticators": true,
        "webauthn:extension:prf": true,
    });
    let mut capabilities = Capabilities::new();
    for (name, value) in all.as_object().unwrap() {
        if !name.contains("extension") {
            capabilities.insert(name.clone(), value.clone());
        }
    }
    capabilities
}

/// A command that WebDriver's own list does not have.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _url: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
