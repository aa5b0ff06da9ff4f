using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using AngleSharp.Html.Parser;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Portal.Images.Readmes;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>READMEs and model cards of repositories: where they are found, and that hostile ones are text.</summary>
public sealed class ReadmeTests
{
    private const string Repository = "users/alice/app";
    private const string Text = "# Title\n\nHow to *use* it.\n";

    private static readonly JsonObject Config = new() { ["os"] = "linux", ["architecture"] = "amd64" };

    /// <summary>Layers that hold a README: media type, the annotation with the file's name, and that name.</summary>
    public static TheoryData<string, string, string> Layers => new()
    {
        { "text/markdown", "", "" },
        { "text/markdown; charset=utf-8", "", "" },
        { "application/octet-stream", "org.opencontainers.image.title", "README.md" },
        { "application/vnd.cncf.model.doc.v1.raw", "org.cncf.model.filepath", "README.md" },
        { "application/vnd.cncf.model.doc.v1.tar", "org.cncf.model.filepath", "README.md" },
        { "application/vnd.cncf.model.doc.v1.tar+gzip", "org.cncf.model.filepath", "docs/readme.MD" },
    };

    [Theory]
    [MemberData(nameof(Layers))]
    public async Task A_readme_layer_is_shown_on_the_page_of_the_repository(string type, string annotation, string file)
    {
        await using var servers = await PortalServers.StartAsync();
        var content = Encoding.UTF8.GetBytes(Text);
        if (type.Contains(".tar", StringComparison.Ordinal)) content = Archive(content, type.EndsWith("gzip", StringComparison.Ordinal));
        await PushAsync(servers, "v1", type, content, annotation, file);
        using var alice = new Browser(servers.Host);
        await alice.SignInAsync();
        var page = await alice.PageAsync($"/repositories/{Repository}");
        Assert.Contains("<h3>Title</h3>\n<p>How to <em>use</em> it.</p>", page, StringComparison.Ordinal);
        Assert.Contains("What it is for", page, StringComparison.Ordinal);
        Assert.Equal(0, servers.TakePulls()); // looking is not a pull
    }

    [Fact]
    public async Task A_readme_that_refers_to_the_latest_image_is_shown_and_on_the_first_page_alone()
    {
        await using var servers = await PortalServers.StartAsync();
        var latest = await servers.PushImageAsync($"{Repository}:latest", Config, null, "one");
        await servers.PushImageAsync($"{Repository}:newer", Config, null, "two");
        var blob = await servers.PushBlobAsync(Repository, "text/markdown", Encoding.UTF8.GetBytes(Text));
        var empty = await servers.PushBlobAsync(Repository, "application/vnd.oci.empty.v1+json", "{}"u8.ToArray());
        await servers.PushManifestAsync($"{Repository}@", PortalServers.Manifest, new JsonObject
        {
            ["schemaVersion"] = 2, ["mediaType"] = PortalServers.Manifest, ["artifactType"] = "text/markdown", ["config"] = empty,
            ["layers"] = new JsonArray(blob),
            ["subject"] = new JsonObject { ["mediaType"] = PortalServers.Manifest, ["digest"] = latest, ["size"] = 7 },
        });
        using var alice = new Browser(servers.Host);
        await alice.SignInAsync();
        Assert.Contains("How to <em>use</em> it.", await alice.PageAsync($"/repositories/{Repository}"), StringComparison.Ordinal);
        Assert.DoesNotContain(
            "How to <em>use</em> it.", await alice.PageAsync($"/repositories/{Repository}?after=a"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_shown_is_said_and_the_page_has_everything_else()
    {
        await using var servers = await PortalServers.StartAsync();
        using var alice = new Browser(servers.Host);
        await alice.SignInAsync();
        foreach (var (content, reason) in ((byte[], string)[])[
            (new byte[ReadmeMarkdown.MaxBytes + 1], "larger than 256 KiB"), ([0xff, 0xfe], "not text"),
            (Encoding.UTF8.GetBytes(new string('>', 10_000)), "too complex")])
        {
            await PushAsync(servers, "v1", "text/markdown", content, "", "");
            var page = await alice.PageAsync($"/repositories/{Repository}");
            Assert.Contains($"The README cannot be shown: it is {reason}", page, StringComparison.Ordinal);
            Assert.Contains(">v1</a>", page, StringComparison.Ordinal);
        }

        await PushAsync(
            servers, "v1", "application/vnd.cncf.model.doc.v1.tar+gzip", Archive(new byte[10_000_000], isCompressed: true),
            "org.cncf.model.filepath", "README.md"); // small until it is decompressed
        Assert.Contains("The README cannot be shown", await alice.PageAsync($"/repositories/{Repository}"), StringComparison.Ordinal);

        foreach (var (kind, claimed) in ((char, string)[])[('x', "17777777777"), ('L', "20000000000"), ('S', "00000000000"), ('0', "zzz")])
        {
            var header = new byte[1024];
            "README.md"u8.CopyTo(header);
            Encoding.ASCII.GetBytes(claimed).CopyTo(header, 124);
            header[156] = (byte)kind;
            "        "u8.CopyTo(header.AsSpan(148));
            Encoding.ASCII.GetBytes(Convert.ToString(header.Sum(b => b), 8).PadLeft(6, '0') + "\0").CopyTo(header, 148);
            await PushAsync(
                servers, "v1", "application/vnd.cncf.model.doc.v1.tar", header, "org.cncf.model.filepath", "README.md");
            Assert.Contains("The README cannot be shown", await alice.PageAsync($"/repositories/{Repository}"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Sizes_of_a_page_of_tags_are_asked_for_at_once()
    {
        await using var servers = await PortalServers.StartAsync();
        for (var i = 0; i < 12; i++) await servers.PushImageAsync($"{Repository}:v{i}", Config, null, new string('x', 5_000 + i));
        using var alice = new Browser(servers.Host);
        await alice.SignInAsync();
        var page = await alice.PageAsync($"/repositories/{Repository}");
        Assert.Equal(12, page.Split("<td data-label=\"Size\">4.9 KiB</td>").Length - 1);
    }

    /// <summary>Markdown that would be a script, a picture, a style, a frame or a form, or would name something of the page.</summary>
    public static TheoryData<string> Hostile =>
    [
        "<script>alert(1)</script>", "a <img src=x onerror=alert(1)> b", "<iframe src='//evil.example'></iframe>", "<!-- x --> <style>*{}</style>",
        "[a](javascript:alert(1))", "[a](  jAvAsCrIpT:alert(1))", "[a](java&#10;script:alert(1))", "[a](data:text/html,x)", "[a](vbscript:x)",
        "[a](/sign-out)", "[a](//evil.example)", "[a](../x)", "[a](#x)", "[a](?q=x)", "[a](http://user:pass@evil.example)", "<javascript:alert(1)>",
        "<data:text/html,x>", "[a][b]\n\n[b]: javascript:alert(1)", "![a](https://evil.example/x.png)", "![a](x.png)", "![](https://evil.example)",
        "[![a](https://evil.example/x.png)](https://evil.example)", "[![a](javascript:x)](javascript:y)", "[a](https://x \"onmouseover=alert(1)\")",
        "[a](https://x \"\\\" onmouseover=\\\"alert(1)\")", "```\" onclick=\"alert(1)\nx\n```", "| a |\n|:-:|\n| <b onclick=x> |", "# a {#content .x onclick=y}",
        "&lt;script&gt;alert(1)&lt;/script&gt;", "---\nlicense: <script>\n---\n# a", "<https://x/\"onclick=y>", "[a](<https://x/' onclick='y>)",
        "\u202eabc\u0007\u2028", "<form action=/sign-out><input name=form-token></form>", "[<b onclick=x>](https://a)", "a\0b", "[a]( https://x )",
        "<a href=\"https://x\" onclick=alert(1)>a</a>", "<svg/onload=alert(1)>", "<base href=//evil.example>", "<meta http-equiv=refresh content=0>",
    ];

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Hostile_markdown_is_text_and_links_to_the_web_alone(string markdown)
    {
        var html = ReadmeMarkdown.ToHtml(markdown)!;
        var document = new HtmlParser(new HtmlParserOptions { IsStrictMode = true }).ParseDocument($"<!DOCTYPE html><title>x</title>{html}");
        string[] allowed = ["P", "A", "EM", "CODE", "PRE", "H3", "TABLE", "THEAD", "TBODY", "TR", "TH", "TD", "HR"];
        foreach (var element in document.Body!.QuerySelectorAll("*"))
        {
            Assert.Contains(element.TagName, allowed);
            Assert.All(element.Attributes, a => Assert.Contains(a.Name, (string[])["href", "rel", "title", "class"]));
            if (element.TagName != "A") continue;
            Assert.Matches("^https?://[^@]*$", element.GetAttribute("href")!);
            Assert.Equal("nofollow noopener noreferrer", element.GetAttribute("rel"));
            Assert.Null(element.ParentElement!.Closest("a"));
            Assert.NotEqual("", element.TextContent);
        }

        Assert.DoesNotContain('\u202e', html);
        Assert.DoesNotContain('\0', html);
    }

    [Fact]
    public void Ordinary_markdown_is_shown_as_it_is_meant()
    {
        var html = ReadmeMarkdown.ToHtml("""
            ---
            license: mit
            ---
            ## Use
            #### Deep

            1. **run** `it`

            |   | b |
            |--:|---|
            | 1 | [site](https://example.com/?a=1&b=2) |

            ![logo](https://example.com/logo.png) [file](./FILE.md)
            """)!;
        Assert.Contains("<pre><code>license: mit\n</code></pre>", html, StringComparison.Ordinal);
        Assert.Contains("<h3>Use</h3>\n<h4>Deep</h4>", html, StringComparison.Ordinal);
        Assert.Contains("<tr>\n<td></td>\n<th>b</th>\n</tr>", html, StringComparison.Ordinal); // a heading has a text
        Assert.Contains("<strong>run</strong> <code>it</code>", html, StringComparison.Ordinal);
        Assert.Contains(
            "<td><a href=\"https://example.com/?a=1&amp;b=2\" rel=\"nofollow noopener noreferrer\">site</a></td>", html, StringComparison.Ordinal);
        Assert.Contains("<a href=\"https://example.com/logo.png\" rel=\"nofollow noopener noreferrer\">logo</a> file</p>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("style", html, StringComparison.Ordinal);
    }

    /// <summary>Texts that parsers of Markdown have taken long for.</summary>
    public static TheoryData<string> Slow =>
    [
        "[", "![", "*", "_a", "*a_", "`", "`a", "<", "<a", "<!--", "&", "&#", "[a](", "[a](<b", "[a][", "[]:", "> ", "- ", "1. ", "|", "|a", "a|\n",
        "|-", "#", "\\", "[a]: b\n", "[a\n", "~~~\n", "    a\n", "a\n=\n", "**a *", "((", "<a\"", "*a **a ", "x [a] ", "-\n", "\t-", "![[]()",
    ];

    [Theory(Timeout = 60_000)]
    [MemberData(nameof(Slow))]
    public async Task No_text_takes_long(string part)
    {
        var text = string.Concat(Enumerable.Repeat(part, ReadmeMarkdown.MaxBytes / part.Length));
        var watch = System.Diagnostics.Stopwatch.StartNew();
        await Task.Run(() => ReadmeMarkdown.ToHtml(text), TestContext.Current.CancellationToken);
        TestContext.Current.TestOutputHelper!.WriteLine($"{part}: {watch.ElapsedMilliseconds} ms");
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"{part}: {watch.Elapsed}");
    }

    [Fact]
    public async Task A_text_is_rendered_once_for_all_who_look_and_little_is_rendered_at_once()
    {
        var cancel = TestContext.Current.CancellationToken;
        using var go = new ManualResetEventSlim();
        var rendered = new System.Collections.Concurrent.ConcurrentQueue<string>();
        using var renderer = new ReadmeRenderer(text =>
        {
            rendered.Enqueue(text);
            go.Wait(TimeSpan.FromSeconds(60), CancellationToken.None);
            return $"<p>{text}</p>";
        });
        var (one, two) = (LookAsync("one"), LookAsync("two"));
        var again = LookAsync("one", "bob");
        await Eventually.TrueAsync(() => rendered.Count == 2, TimeSpan.FromSeconds(30), () => "two texts are not rendered at once");

        // A page stops waiting; what it waited for is finished all the same. Of one account no more is begun.
        using var impatient = new CancellationTokenSource();
        var left = LookAsync("one", "carol", impatient.Token);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        Assert.Null(await LookAsync("three"));
        go.Set();
        Assert.Equal(["<p>one</p>", "<p>two</p>", "<p>one</p>"], (await Task.WhenAll(one, two, again)).Select(r => r!.Html));
        Assert.Equal("<p>one</p>", (await LookAsync("one", "carol"))!.Html);
        Assert.Equal(2, rendered.Count);

        Task<ReadmeRenderer.Rendered?> LookAsync(string text, string who = "alice", CancellationToken? patience = null) =>
            renderer.RenderAsync(text, who, patience ?? cancel);
    }

    private static async Task PushAsync(
        PortalServers servers, string tag, string type, byte[] content, string annotation, string file)
    {
        var layer = await servers.PushBlobAsync(Repository, type, content);
        if (annotation.Length > 0) layer["annotations"] = new JsonObject { [annotation] = file };
        await servers.PushManifestAsync($"{Repository}:{tag}", PortalServers.Manifest, new JsonObject
        {
            ["schemaVersion"] = 2, ["mediaType"] = PortalServers.Manifest, ["artifactType"] = "application/vnd.example",
            ["config"] = await servers.PushBlobAsync(Repository, "application/vnd.oci.empty.v1+json", "{}"u8.ToArray()),
            ["layers"] = new JsonArray(layer),
            ["annotations"] = new JsonObject { ["org.opencontainers.image.description"] = "What it is for" },
        });
    }

    private static byte[] Archive(byte[] content, bool isCompressed)
    {
        using var bytes = new MemoryStream();
        using (var stream = isCompressed ? new GZipStream(bytes, CompressionLevel.Optimal, leaveOpen: true) : (Stream)new BufferedStream(bytes))
        using (var tar = new TarWriter(stream, leaveOpen: isCompressed))
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "LICENSE") { DataStream = new MemoryStream("x"u8.ToArray()) });
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "README.md") { DataStream = new MemoryStream(content) });
        }

        return bytes.ToArray();
    }
}
