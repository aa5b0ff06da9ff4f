namespace AuthIndex.TestKit;

/// <summary>
/// Base images made of this machine's own files, for machines that no image registry can be reached from. What they stand in for
/// stays apart from what is tested: every line of the Dockerfiles in <c>deploy</c> runs on them as it is. .NET itself is not in them but is
/// mounted into their containers, since the engine would copy it for each layer.
/// </summary>
public static class StandInImages
{
    /// <summary>
    /// The name of the image that stands in for .NET's SDK: its <c>dotnet publish</c> gives what the release build has made.
    /// </summary>
    public const string Sdk = "stand-in/sdk";

    /// <summary>The name of the image that stands in for .NET's runtime, with the libraries that the servers call.</summary>
    public const string Runtime = "stand-in/runtime";

    /// <summary>The name of the image that stands in for PostgreSQL's own, with its ways of preparing a new volume.</summary>
    public const string Postgres = "stand-in/postgres";

    /// <summary>The name of the image that stands in for HAProxy's own.</summary>
    public const string Haproxy = "stand-in/haproxy";

    /// <summary>The name of the image that stands in for Debian with its OpenLDAP.</summary>
    public const string OpenLdap = "stand-in/openldap";

    /// <summary>Where .NET lies, here and in the containers.</summary>
    public static string DotNet { get; } = Path.GetFullPath(
        Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "../../.."));

    // glibc loads them by these names; what they need besides comes with them. The first libldap there is, is the one that .NET takes.
    private static readonly string[] Libraries = ["libcrypt.so.1", "libssl.so.3"];
    private static readonly string[] LdapLibraries = ["libldap.so.2", "libldap-2.6.so.0", "libldap-2.5.so.0", "libldap-2.4.so.2"];
    private static readonly string[] Programs = ["/bin/sh", "/bin/cp", "/bin/mkdir", "/bin/chown", "/bin/rm", "/bin/mv", "/usr/bin/sha256sum"];
    private static readonly string[] OpenLdapPrograms = [
        "/usr/sbin/slapd", "/usr/sbin/slapadd", "/usr/sbin/slappasswd", "/usr/bin/ldapsearch", "/usr/bin/awk", "/usr/bin/base64",
            "/usr/bin/head", "/usr/bin/tr"];

    /// <summary>Makes those of .NET and gives them to an engine.</summary>
    /// <param name="docker">The engine's command line.</param>
    /// <param name="built">The folders of the release build, by project: <c>src/TokenServer</c> and so on.</param>
    public static async Task ImportAsync(DockerClient docker, IReadOnlyDictionary<string, string> built)
    {
        using var folder = new TemporaryDirectory();
        await ImportAsync(docker, Runtime, folder.Folder("runtime"), async root =>
        {
            Directory.CreateDirectory(root + DotNet);
            Directory.CreateDirectory(root + "/var/lib");
            NothingToInstall(root);
            var known = await LibrariesAsync();
            var ldap = LdapLibraries.First(l => known.Exists(k => k.Name == l));
            var libraries = Libraries.Append(ldap).Select(l => known.First(k => k.Name == l).Path);
            await CopyAsync(
                root,
                [.. libraries,
                    .. Directory.EnumerateFiles(DotNet, "*.so", SearchOption.AllDirectories)
                        .Where(f => !f.Contains("/sdk/", StringComparison.Ordinal))]);
        });
        await ImportAsync(docker, Sdk, folder.Folder("sdk"), async root =>
        {
            foreach (var (project, output) in built)
            {
                Directory.CreateDirectory($"{root}/built/{project}");
                await MustAsync("cp", "-r", $"{output}/.", $"{root}/built/{project}");
            }

            Script(root, "dotnet", """
                set -eu
                [ "$1 $3 $4 $5 $7" = "publish --configuration Release --output --use-current-runtime" ]
                [ -e "$2/packages.lock.json" ] && [ -e Directory.Build.props ] && [ -e global.json ]
                mkdir -p "$6"
                cp -r "/built/$2/." "$6"
                """);
        });
    }

    /// <summary>Makes that of OpenLDAP and gives it to an engine.</summary>
    public static async Task ImportOpenLdapAsync(DockerClient docker)
    {
        using var folder = new TemporaryDirectory();
        await ImportAsync(docker, OpenLdap, folder.Folder("openldap"), async root =>
        {
            NothingToInstall(root);
            Directory.CreateDirectory(root + "/run");
            // Threads end with what glibc loads by this name; in Debian it belongs to glibc.
            await CopyAsync(root, [.. OpenLdapPrograms, (await LibrariesAsync()).First(l => l.Name == "libgcc_s.so.1").Path]);
            await MustAsync("cp", "-r", "--parents", "/usr/lib/ldap", "/etc/ldap/schema", root);
        });
    }

    /// <summary>Makes that of HAProxy and gives it to an engine.</summary>
    public static async Task ImportHaproxyAsync(DockerClient docker)
    {
        using var folder = new TemporaryDirectory();
        await ImportAsync(docker, Haproxy, folder.Folder("haproxy"), async root =>
        {
            await CopyAsync(root, "/usr/sbin/haproxy");
            File.CreateSymbolicLink(root + "/usr/bin/haproxy", "/usr/sbin/haproxy");
        });
    }

    /// <summary>Makes that of PostgreSQL and gives it to an engine.</summary>
    public static async Task ImportPostgresAsync(DockerClient docker)
    {
        const string owner = "999";
        using var folder = new TemporaryDirectory();
        await ImportAsync(
            docker, Postgres, folder.Folder("postgres"),
            async root =>
            {
                var programs = Path.GetDirectoryName(PostgresServer.Program("postgres"))!;
                var home = Path.GetDirectoryName(programs)!;
                string[] named = ["postgres", "initdb", "pg_ctl", "psql", "pg_isready"];
                await CopyAsync(
                    root,
                    [.. named.Select(p => Path.Combine(programs, p)),
                        .. Directory.EnumerateFiles(Path.Combine(home, "lib"), "*.so")
                            .Where(f => !Path.GetFileName(f).StartsWith("llvm", StringComparison.Ordinal))]);
                foreach (var program in named)
                {
                    File.CreateSymbolicLink($"{root}/usr/bin/{program}", Path.Combine(programs, program));
                }

                await MustAsync("cp", "-r", "--parents", $"/usr/share/postgresql/{Path.GetFileName(home)}", root);
                await File.WriteAllTextAsync(root + "/etc/passwd", $"postgres:x:{owner}:{owner}::/var/lib/postgresql:/bin/sh\n");
                foreach (var place in (string[])["/tmp", "/var/run/postgresql", "/var/lib/postgresql/data"])
                {
                    Directory.CreateDirectory(root + place);
                    await MustAsync("chown", $"{owner}:{owner}", root + place);
                }

                Script(root, "docker-entrypoint.sh", """
                    set -eu
                    if [ ! -e "$PGDATA/PG_VERSION" ]; then
                      printf '%s\n' "${POSTGRES_PASSWORD:?}" >/tmp/password
                      initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 \
                        --no-locale --encoding=UTF8 --no-sync "$PGDATA"
                      echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
                      pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses=" --wait start
                      for script in /docker-entrypoint-initdb.d/*.sh; do "$script"; done
                      pg_ctl --pgdata="$PGDATA" --wait stop
                    fi
                    exec "$@" -c listen_addresses='*'
                    """);
            },
            $"USER {owner}:{owner}", """ENTRYPOINT ["/usr/bin/docker-entrypoint.sh"]""");
    }

    private static async Task ImportAsync(
        DockerClient docker, string name, string root, Func<string, Task> fill, params string[] changes)
    {
        foreach (var place in (string[])["bin", "usr/bin", "etc", "proc", "sys", "dev"])
        {
            Directory.CreateDirectory(Path.Combine(root, place));
        }

        await CopyAsync(root, Programs);
        await fill(root);
        await MustAsync("chmod", "-R", "a+rX", root);
        var archive = root + ".tar";
        await MustAsync("tar", "-c", "-f", archive, "-C", root, ".");
        await docker.MustAsync(
            ["import", .. changes.Append("ENV PATH=/usr/bin:/bin").SelectMany(c => (string[])["--change", c]), archive, name]);
    }

    /// <summary>The libraries that the loader knows here, the first of a name being the one that it takes.</summary>
    private static async Task<List<(string Name, string Path)>> LibrariesAsync() =>
        (await MustAsync("/sbin/ldconfig", "-p")).Split('\n')
        .Where(l => l.Contains("x86-64", StringComparison.Ordinal) || l.Contains("AArch64", StringComparison.Ordinal))
        .Select(l => (Name: l.Trim().Split(' ')[0], Path: l.Split("=> ")[^1])).ToList();

    /// <summary>
    /// Copies programs and libraries (those of .NET excepted), and the libraries that they need, to the places where they lie here.
    /// </summary>
    private static async Task CopyAsync(string root, params string[] files)
    {
        var needed = await MustAsync("ldd", files);
        var all = files.Concat(needed.Split([' ', '\t', '\n', '\r']).Where(w => w.StartsWith('/') && !w.EndsWith(':')));
        foreach (var file in all.Distinct(StringComparer.Ordinal).Where(f => !f.StartsWith(DotNet, StringComparison.Ordinal)))
        {
            var target = root + file;
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target, overwrite: true);
        }
    }

    private static void NothingToInstall(string root) => Script(root, "apt-get", "exit 0 # it is there");

    private static void Script(string root, string name, string body)
    {
        var path = Path.Combine(root, "usr/bin", name);
        File.WriteAllText(path, $"#!/bin/sh\n{body}\n");
        File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);
    }

    private static async Task<string> MustAsync(string program, params string[] arguments)
    {
        var result = await ChildProcess.RunAsync(program, arguments);
        return result.ExitCode == 0
            ? result.Output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {result}");
    }
}
