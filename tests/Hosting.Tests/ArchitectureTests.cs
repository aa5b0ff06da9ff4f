using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace AuthIndex.Hosting.Tests;

/// <summary>Holds the allowed dependencies. A new folder or arrow is a decision: it is written here first.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> Projects = new()
    {
        ["TokenContract"] = [],
        ["Hosting"] = [],
        ["TokenServer"] = ["TokenContract", "Hosting"],
        ["RegistryCore"] = ["TokenContract", "Hosting"],
    };

    // The files in a server's topmost folder and those in Commands put everything together and may use all.
    private static readonly Dictionary<string, Dictionary<string, string[]>> Folders = new()
    {
        ["TokenServer"] = new()
        {
            ["Protocol"] = [],
            ["Metrics"] = [],
            ["Audit"] = ["Metrics"],
            ["Names"] = [],
            ["Policies"] = ["Names"],
            // of Protocol and Policies only credentials, what a token looks like, how names are compared, and the words for the ways to
            // sign in, which rules name
            ["Identity"] = ["Protocol", "Metrics", "Names", "Policies"],
            ["Keys"] = ["Protocol"],
            ["Backup"] = ["Keys"], // only where they lie
            ["Revocation"] = ["Protocol", "Identity"],
            ["Grants"] = ["Protocol", "Policies", "Identity", "Revocation"],
            ["Authentication"] = ["Protocol", "Policies", "Identity", "Grants", "Sessions"],
            ["Token"] = ["Protocol", "Metrics", "Audit", "Policies", "Identity", "Keys", "Grants", "Authentication", "Revocation"],
            ["Sessions"] = ["Identity"],
            ["Access"] = ["Protocol", "Policies", "Identity", "Grants", "Authentication", "Token", "Sessions"],
            ["Account"] = ["Protocol", "Audit", "Identity", "Token", "Grants", "Authentication", "Access"],
            ["Introspection"] = ["Protocol", "Identity", "Authentication", "Token"],
            ["Metadata"] = ["Protocol", "Keys", "Account", "Token", "Introspection"], // only where they are found
            ["Index"] = ["Protocol", "Policies", "Identity", "Grants", "Authentication", "Token", "Access"],
            // the stores, which those folders describe
            ["State"] = ["Protocol", "Identity", "Revocation", "Grants", "Index", "Sessions"],
            ["Registries"] = ["Protocol", "Policies", "Token", "Access"], // asked over HTTP, with tokens of this server's own
            ["Replay"] = ["Audit", "Policies"],
            ["Portal"] = [
                "Protocol", "Metrics", "Audit", "Policies", "Identity", "Keys", "Revocation", "Grants", "Authentication", "Token",
                    "Sessions", "Access", "Account", "Index", "Registries", "Replay"],
            ["Commands"] = [
                "Protocol", "State", "Metrics", "Audit", "Names", "Policies", "Identity", "Keys", "Backup", "Revocation", "Grants",
                    "Authentication", "Token", "Account", "Index", "Replay"],
        },
        ["RegistryCore"] = new()
        {
            ["Protocol"] = [],
            ["Metrics"] = [],
            ["Access"] = ["Protocol", "Metrics"],
            ["Storage"] = ["Protocol", "Metrics"],
            ["Revocation"] = ["Access"], // of Access the line to the index, and where it leaves what it learns
            ["Blobs"] = ["Protocol", "Metrics", "Access", "Storage"],
            ["Uploads"] = ["Protocol", "Access", "Storage"],
            ["Manifests"] = ["Protocol", "Metrics", "Access", "Storage", "IndexSync"], // a pull is noted where it is answered
            ["Tags"] = ["Protocol", "Access", "Storage"],
            ["Catalog"] = ["Protocol", "Access", "Storage"],
            ["Upstreams"] = ["Protocol", "Access", "Storage", "Blobs", "Manifests", "Tags"], // what is here is answered as all else
            ["IndexSync"] = ["Protocol", "Access", "Storage"], // of Access only the line to the index
            ["Import"] = ["Protocol", "Storage", "Manifests"], // of Manifests only what a manifest says
            ["Commands"] = [
                "Protocol", "Metrics", "Access", "Storage", "Blobs", "Uploads", "Manifests", "Tags", "Catalog", "IndexSync", "Revocation",
                    "Import", "Upstreams"],
        },
    };

    // What endpoints answer with, what carries the request from the gate to them, and what ASP.NET's handler of OpenID Connect is run with.
    private static readonly string[] RequestCarriers = [
        "V2Request", "RouteRequest", "ErrorAnswer", "ErrorBoundary", "TokenAnswer", "JsonBytes", "JwksDocument", "FormBody",
            "RequestTelemetry", "RequestId", "ClientDisconnect", "ForwardedAddress", "OidcHandlers", "OidcAttempt"];

    // Whoever reads a file whole, and what of: none of these holds a secret, but for the checker's own.
    private static readonly Dictionary<string, string> FileReaders = new()
    {
        ["src/Hosting/Files/SecretFile.cs"] = "secrets, which it checks",
        ["src/Hosting/Keys/KeyFollower.cs"] = "public keys",
        ["src/Hosting/Keys/ReceivedKeys.cs"] = "public keys",
        ["src/Hosting/Tls/CertificateFiles.cs"] = "certificates",
        ["src/RegistryCore/Access/TrustedKeys.cs"] = "public keys",
        ["src/RegistryCore/Commands/MirrorCommand.cs"] = "a certificate",
        ["src/RegistryCore/Revocation/RevocationFile.cs"] = "what is revoked",
        ["src/RegistryCore/Storage/Copying/CopyMarker.cs"] = "the state of a copy",
        ["src/RegistryCore/Storage/Files/FileUploadStore.cs"] = "the state of an upload",
        ["src/TokenServer/Backup/BackupFolder.cs"] = "a backup's table of contents",
        ["src/TokenServer/Commands/LdapCommand.cs"] = "accounts and hashes",
        ["src/TokenServer/Commands/NamedAccount.cs"] = "accounts and hashes",
        ["src/TokenServer/Commands/Policies/PolicyAccountsCommand.cs"] = "accounts and hashes",
        ["src/TokenServer/Commands/Policies/PolicyFormatCommand.cs"] = "policies",
        ["src/TokenServer/Commands/Policies/PolicyReloadCommand.cs"] = "a process",
        ["src/TokenServer/Commands/Policies/ProblemWriter.cs"] = "policies",
        ["src/TokenServer/Commands/UsersCommand.cs"] = "accounts and hashes",
        ["src/TokenServer/Identity/Htpasswd/HtpasswdFile.cs"] = "accounts and hashes",
        ["src/TokenServer/Identity/Oidc/IssuerKeys.cs"] = "public keys",
        ["src/TokenServer/Keys/CertificatePem.cs"] = "certificates",
    };

    [Fact]
    public void Projects_refer_only_to_those_they_may()
    {
        var found = Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories)
            .ToDictionary(
                p => Path.GetFileNameWithoutExtension(p),
                p => References(p, "ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r)).ToList());

        Assert.Equal(Projects.Keys.Order(StringComparer.Ordinal), found.Keys.Order(StringComparer.Ordinal));
        Assert.All(found, project => Assert.Empty(project.Value.Except(Projects[project.Key], StringComparer.Ordinal)));
    }

    [Fact]
    public void The_token_contract_stands_on_the_runtime_alone()
    {
        var project = Path.Combine(Repository.Root, "src", "TokenContract", "TokenContract.csproj");
        Assert.Equal("Microsoft.NET.Sdk", XDocument.Load(project).Root!.Attribute("Sdk")!.Value);
        Assert.Empty(References(project, "PackageReference"));
        Assert.Empty(References(project, "FrameworkReference"));
    }

    [Fact]
    public void Folders_use_only_those_they_may() => Repository.AssertNone(Sources().SelectMany(ArrowProblems));

    [Fact]
    public void Only_endpoints_and_the_files_that_wire_them_touch_the_request() =>
        Repository.AssertNone(Sources().SelectMany(RequestProblems));

    [Theory]
    [InlineData("RegistryCore", "Blobs/BlobEndpoint.cs", "using AuthIndex.RegistryCore.Storage;\nnamespace AuthIndex.RegistryCore.Blobs;")]
    [InlineData("RegistryCore", "Blobs/Deep/Range.cs", "using AuthIndex.RegistryCore.Blobs;\nnamespace AuthIndex.RegistryCore.Blobs.Deep;")]
    [InlineData("RegistryCore", "RegistryApp.cs", "using AuthIndex.RegistryCore.Blobs;\nnamespace AuthIndex.RegistryCore;")]
    [InlineData("RegistryCore", "Program.cs", "using AuthIndex.RegistryCore.Commands;")]
    [InlineData("TokenServer", "Token/Issue.cs", "using AuthIndex.TokenContract;\nnamespace AuthIndex.TokenServer.Token;")]
    [InlineData("TokenContract", "Scope.cs", "namespace AuthIndex.TokenContract;")]
    public void An_allowed_use_passes(string project, string path, string text) =>
        Assert.Empty(ArrowProblems(new Source(project, path, text)));

    [Theory]
    [InlineData("RegistryCore", "Storage/BlobStore.cs", "using AuthIndex.RegistryCore.Blobs;\nnamespace AuthIndex.RegistryCore.Storage;")]
    [InlineData(
        "RegistryCore", "Storage/BlobStore.cs",
        "using static AuthIndex.RegistryCore.Access.Check;\nnamespace AuthIndex.RegistryCore.Storage;")]
    [InlineData(
        "RegistryCore", "Protocol/Digest.cs", "namespace AuthIndex.RegistryCore.Protocol;\nclass A : AuthIndex.RegistryCore.Storage.B;")]
    [InlineData("RegistryCore", "Blobs/Blob.cs", "using AuthIndex.RegistryCore.Tags;\nnamespace AuthIndex.RegistryCore.Blobs;")]
    [InlineData("RegistryCore", "Blobs/Blob.cs", "namespace AuthIndex.RegistryCore.Tags;")]
    [InlineData("RegistryCore", "Blobs/Blob.cs", "namespace AuthIndex.RegistryCore;")]
    [InlineData("RegistryCore", "Misc/Helper.cs", "namespace AuthIndex.RegistryCore.Misc;")]
    [InlineData(
        "TokenServer", "Policies/Policy.cs", "global using AuthIndex.TokenServer.Identity;\nnamespace AuthIndex.TokenServer.Policies;")]
    [InlineData("TokenServer", "Keys/Key.cs", "using Other = AuthIndex.TokenServer.Token.Issue;\nnamespace AuthIndex.TokenServer.Keys;")]
    public void A_use_against_the_arrows_is_found(string project, string path, string text) =>
        Assert.NotEmpty(ArrowProblems(new Source(project, path, text)));

    [Theory]
    [InlineData("Token/TokenEndpoint.cs", true)]
    [InlineData("Blobs/BlobEndpoint.cs", true)]
    [InlineData("TokenServerApp.cs", true)]
    [InlineData("V2Routes.cs", true)]
    [InlineData("Token/TokenApp.cs", false)]
    [InlineData("Token/Issuer.cs", false)]
    [InlineData("Options.cs", false)]
    public void The_request_is_for_endpoints(string path, bool allowed) =>
        Assert.Equal(allowed, !RequestProblems(new Source("TokenServer", path, "void Answer(HttpContext context)")).Any());

    /// <summary>A folder is a room with a name: beyond this many files nobody sees at a glance what is in it.</summary>
    [Fact]
    public void No_folder_holds_more_than_fifteen_files() =>
        Assert.Empty(
            Sources().GroupBy(s => $"src/{s.Project}/{Path.GetDirectoryName(s.Path)}").Where(g => g.Count() > 15)
            .Select(g => $"{g.Key}: {g.Count()} files"));

    /// <summary>
    /// Whoever is given all options may read any of them: below the topmost folder only commands, which bind them, and what composes a
    /// folder may.
    /// </summary>
    [Fact]
    public void Only_commands_and_compositions_take_all_options_of_the_registry() =>
        Repository.AssertNone(Sources().SelectMany(OptionsProblems));

    /// <summary>What engine holds the rows is known to who opens it, and to what works on the files of one engine only.</summary>
    [Fact]
    public void Endpoints_and_what_they_use_know_no_engine() => Repository.AssertNone(
        from source in Sources()
        where source.Project == "RegistryCore" && source.Folder is not (null or "Commands" or "Storage")
        where source.Text.Contains("Storage.Sqlite", StringComparison.Ordinal)
            || source.Text.Contains("Storage.Postgres", StringComparison.Ordinal)
        select $"{source}: uses the stores of one engine");

    /// <summary>
    /// A secret is read by the one place that refuses a file which others can get at. Another reader is either it, or it is written in the
    /// table what harmless thing it reads.
    /// </summary>
    [Fact]
    public void Files_with_secrets_are_read_by_the_one_checker() => Assert.Equal(
        FileReaders.Keys.Order(StringComparer.Ordinal),
        Sources().Where(s => FileReading().IsMatch(s.Text)).Select(s => s.ToString()).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("Storage/FreeSpace.cs", false)]
    [InlineData("Storage/StorageServices.cs", true)]
    [InlineData("Commands/ControlClient.cs", true)]
    [InlineData("RegistryApp.cs", true)]
    [InlineData("V2Endpoint.cs", false)]
    public void All_options_are_for_compositions(string path, bool allowed) =>
        Assert.Equal(allowed, !OptionsProblems(new Source("RegistryCore", path, "class A(RegistryOptions options);")).Any());

    /// <summary>Two files fit side by side on a screen.</summary>
    [Fact]
    public void Lines_have_at_most_140_columns() => Repository.AssertNone(
        from source in Sources()
        from line in source.Text.Split('\n').Select((text, i) => (Text: text, Number: i + 1))
        where line.Text.Length > 140
        select $"{source}:{line.Number}: {line.Text.Length} columns");

    private static IEnumerable<string> References(string project, string kind) =>
        XDocument.Load(project).Descendants(kind).Select(r => r.Attribute("Include")!.Value);

    private static IEnumerable<Source> Sources() =>
        from project in Projects.Keys
        let folder = Path.Combine(Repository.Root, "src", project)
        from file in Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories)
        select new Source(project, Path.GetRelativePath(folder, file), File.ReadAllText(file));

    private static IEnumerable<string> ArrowProblems(Source source)
    {
        if (!Folders.TryGetValue(source.Project, out var folders)) yield break;
        if (source.Folder is { } folder && !folders.ContainsKey(folder))
        {
            yield return $"{source}: the folder {folder} is not in the table of folders";
            yield break;
        }

        if (Namespace().Match(source.Text) is { Success: true } declared && declared.Groups["folder"].Value != (source.Folder ?? ""))
        {
            yield return $"{source}: its namespace is not that of its folder";
        }

        foreach (Match use in Use(source.Project).Matches(source.Text))
        {
            var used = use.Groups["folder"].Value;
            if (source.Folder is { } user
                && used != user
                && folders.ContainsKey(used)
                && !folders[user].Contains(used, StringComparer.Ordinal))
            {
                yield return $"{source}: {user} may not use {used}";
            }
        }
    }

    private static IEnumerable<string> RequestProblems(Source source)
    {
        var name = Path.GetFileNameWithoutExtension(source.Path);
        string[] roles = source.Folder is null ? ["Endpoint", "App", "Routes", "Host"] : ["Endpoint", .. RequestCarriers];
        if (!roles.Any(role => name.EndsWith(role, StringComparison.Ordinal)) && Request().IsMatch(source.Text))
        {
            yield return $"{source}: only endpoints touch HttpContext";
        }
    }

    private static IEnumerable<string> OptionsProblems(Source source)
    {
        var name = Path.GetFileNameWithoutExtension(source.Path);
        var composes = name is "RegistryOptions" or "RegistryApp" or "Program" || name.EndsWith("Services", StringComparison.Ordinal);
        if (source.Project == "RegistryCore"
            && source.Folder != "Commands"
            && !composes
            && source.Text.Contains("RegistryOptions", StringComparison.Ordinal))
        {
            yield return $"{source}: takes all options of the registry; a section or a value is enough";
        }
    }

    private static Regex Use(string project) =>
        new($@"(?<!namespace )\bAuthIndex\.{project}\.(?<folder>\w+)", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(5));

    [GeneratedRegex(@"^namespace AuthIndex\.\w+(\.(?<folder>\w+))?", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"\bHttpContext\b", RegexOptions.None, 5000)]
    private static partial Regex Request();

    [GeneratedRegex(@"\bFile\.(Read|OpenText)\w*|\bLoadPkcs12FromFile|\bCreateFromPemFile", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex FileReading();

    private sealed record Source(string Project, string Path, string Text)
    {
        /// <summary>The folder right below the project's; null for a file of the project's own folder.</summary>
        public string? Folder => Path.Contains('/', StringComparison.Ordinal) ? Path[..Path.IndexOf('/', StringComparison.Ordinal)] : null;

        public override string ToString() => $"src/{Project}/{Path}";
    }
}
