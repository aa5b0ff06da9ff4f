using System.Net;
using System.Security.Cryptography;
using AuthIndex.RegistryCore.Storage.Objects.S3;

namespace AuthIndex.TestKit;

/// <summary>
/// A real S3 server of the tests' own: Ceph's gateway over one monitor and one daemon that keeps objects in memory, or in a file. It is
/// ready after about 15 s and takes about 550 MB.
/// </summary>
public sealed class RadosGateway : IAsyncDisposable
{
    /// <summary>The least size of a part but the last, in bytes: less than elsewhere, so that tests move few.</summary>
    public const int LeastPart = 256 * 1024;

    // The most that one holds in memory, in GiB.
    private const int MostInMemory = 4;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly TemporaryDirectory folder;
    private readonly List<ChildProcess> processes = [];
    private readonly int gibibytes;
    private readonly IPAddress address;
    private int buckets;

    private RadosGateway(int gibibytes, IPAddress address)
    {
        (this.gibibytes, this.address, Port) = (gibibytes, address, FreePort.At(address));
        folder = new TemporaryDirectory(inMemory: IsInMemory);
    }

    /// <summary>The name of its only account.</summary>
    internal string AccessKey { get; } = RandomNumberGenerator.GetHexString(20);

    /// <summary>The account's secret.</summary>
    internal string SecretKey { get; } = RandomNumberGenerator.GetHexString(40);

    /// <summary>The port of its S3 interface.</summary>
    public int Port { get; }

    /// <summary>The URL of its S3 interface.</summary>
    public Uri Url => new($"http://127.0.0.1:{Port}");

    /// <summary>Why none can be started here; null when one can.</summary>
    public static string? Obstacle() => InstalledProgram.FirstMissing(
        ("radosgw", "radosgw"), ("ceph-mon", "ceph-mon"), ("ceph-osd", "ceph-osd"), ("ceph", "ceph-common"));

    /// <summary>The ids of its processes.</summary>
    public IEnumerable<int> ProcessIds => processes.Select(p => p.Id);

    /// <summary>Starts one.</summary>
    /// <param name="gibibytes">The most that it holds, in GiB: in memory, or in a file when that would be much of it.</param>
    /// <param name="address">Where it listens, such as any address for one that containers reach; loopback when absent.</param>
    public static async Task<RadosGateway> StartAsync(int gibibytes = 4, IPAddress? address = null)
    {
        var gateway = new RadosGateway(gibibytes, address ?? IPAddress.Loopback);
        try
        {
            await gateway.LaunchAsync();
            return gateway;
        }
        catch
        {
            await gateway.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes an empty bucket, and says how the registry reaches it.</summary>
    /// <param name="by">Another URL by which it is reached; null for its own.</param>
    internal async Task<S3Options> CreateBucketAsync(Uri? by = null)
    {
        var name = $"test-{Interlocked.Increment(ref buckets)}";
        using var client = Client();
        await client.PutBucketAsync(new Amazon.S3.Model.PutBucketRequest { BucketName = name });
        return new S3Options
        {
            ServiceUrl = by ?? Url,
            Bucket = name,
            Prefix = "registry/",
            AccessKeyFile = folder["access-key"],
            SecretKeyFile = folder["secret-key"],
        };
    }

    /// <summary>A client of the store's own maker.</summary>
    internal Amazon.S3.AmazonS3Client Client() => new(AccessKey, SecretKey, new Amazon.S3.AmazonS3Config
    {
        ServiceURL = Url.AbsoluteUri,
        AuthenticationRegion = "us-east-1",
        ForcePathStyle = true,
    });

    /// <summary>Copies all objects of a bucket, as they are listed, into another.</summary>
    internal async Task<S3Options> CopyBucketAsync(S3Options from)
    {
        var copy = await CreateBucketAsync();
        using var client = Client();
        var request = new Amazon.S3.Model.ListObjectsV2Request { BucketName = from.Bucket };
        Amazon.S3.Model.ListObjectsV2Response page;
        do
        {
            page = await client.ListObjectsV2Async(request);
            foreach (var found in page.S3Objects ?? [])
            {
                try
                {
                    await client.CopyObjectAsync(from.Bucket, found.Key, copy.Bucket, found.Key);
                }
                catch (Amazon.S3.AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
                {
                    // It was of an upload that has ended since.
                }
            }

            request.ContinuationToken = page.NextContinuationToken;
        }
        while (page.IsTruncated == true);
        return copy;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // The gateway first: without the others it would wait for them. What they hold is thrown away and needs no goodbye.
        foreach (var process in Enumerable.Reverse(processes)) await process.DisposeAsync();
        folder.Dispose();
    }

    private bool IsInMemory => gibibytes <= MostInMemory;

    private string Configuration => folder["ceph.conf"];

    private async Task LaunchAsync()
    {
        foreach (var name in (string[])["mon", "osd", "run"]) folder.Folder(name);
        foreach (var (name, secret) in ((string, string)[])[("access-key", AccessKey), ("secret-key", SecretKey)])
        {
            await File.WriteAllTextAsync(folder[name], secret);
            File.SetUnixFileMode(folder[name], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        var cluster = NewId();
        var monitor = $"[v2:127.0.0.1:{FreePort.At(IPAddress.Loopback)},v1:127.0.0.1:{FreePort.At(IPAddress.Loopback)}]";
        await File.WriteAllTextAsync(Configuration, $"""
            [global]
            fsid = {cluster}
            mon initial members = a
            mon host = {monitor}
            public addr = 127.0.0.1
            cluster addr = 127.0.0.1
            auth cluster required = cephx
            auth service required = cephx
            auth client required = cephx
            auth allow insecure global id reclaim = true
            osd pool default size = 1
            osd pool default min size = 1
            osd pool default pg num = 4
            osd pool default pgp num = 4
            osd crush chooseleaf type = 0
            mon allow pool size one = true
            mon data avail crit = 1
            mon data avail warn = 1
            run dir = {folder["run"]}
            pid file = {folder["run"]}/$name.pid
            admin socket = {folder["run"]}/$name.asok
            log file = {folder["run"]}/$name.log
            [mon.a]
            mon data = {folder["mon"]}
            [osd.0]
            osd data = {folder["osd"]}
            osd objectstore = {(IsInMemory ? "memstore" : "bluestore")}
            memstore device bytes = {(long)gibibytes << 30}
            bluestore block size = {(long)gibibytes << 30}
            osd memory target = 939524096
            [client.rgw]
            keyring = {folder["rgw.keyring"]}
            rgw frontends = beast endpoint={address}:{Port}
            rgw dns name = 127.0.0.1
            rgw multipart min part size = {LeastPart}
            rgw enable usage log = false
            rgw gc obj min wait = 0
            rgw gc processor period = 1
            rgw gc processor max time = 1

            """);
        await RunAsync("ceph-authtool", "--create-keyring", folder["mon.keyring"], "--gen-key", "-n", "mon.", "--cap", "mon", "allow *");
        await RunAsync(
            "ceph-authtool", "--create-keyring", Administrator, "--gen-key", "-n", "client.admin",
            "--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *");
        await RunAsync("ceph-authtool", folder["mon.keyring"], "--import-keyring", Administrator);
        await RunAsync("monmaptool", "--create", "--fsid", cluster, "--addv", "a", monitor, folder["monmap"]);
        await RunAsync("ceph-mon", "-i", "a", "--mkfs", "--monmap", folder["monmap"], "--keyring", folder["mon.keyring"]);

        var mon = Launch("ceph-mon", "-i", "a", "--keyring", folder["mon.keyring"], "-f");
        await UntilAsync(mon, async () => (await AskAsync("-s")).ExitCode == 0);
        string[] everything = ["mon", "allow *", "osd", "allow *", "mgr", "allow *"];
        await CephAsync(["auth", "get-or-create", "osd.0", .. everything, "-o", Path.Combine(folder["osd"], "keyring")]);
        await CephAsync(["auth", "get-or-create", "client.rgw", .. everything, "-o", folder["rgw.keyring"]]);
        var disk = NewId();
        await CephAsync("osd", "new", disk);
        await RunAsync("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk);
        var osd = Launch("ceph-osd", "-i", "0", "-f");
        await CephAsync("osd", "crush", "add", "osd.0", "1", "root=default", "host=localhost");
        await UntilAsync(osd, async () => (await AskAsync("osd", "stat")).Output.Contains("1 up", StringComparison.Ordinal));

        await RunAsync(
            "radosgw-admin", "-k", Administrator, "user", "create", "--uid=t", "--display-name=t", $"--access-key={AccessKey}",
            $"--secret-key={SecretKey}");
        var gateway = Launch("radosgw", "-n", "client.rgw", "-f");
        using var http = new HttpClient { BaseAddress = Url };
        await UntilAsync(gateway, async () =>
        {
            try
            {
                using var answer = await http.GetAsync(new Uri("/", UriKind.Relative));
                return answer.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false; // it does not listen yet
            }
        });
    }

    private string Administrator => folder["admin.keyring"];

    private static string NewId() => new Guid(RandomNumberGenerator.GetBytes(16)).ToString();

    private ChildProcess Launch(string program, params string[] arguments)
    {
        var process = ChildProcess.Start(InstalledProgram.Find(program)!, ["-c", Configuration, .. arguments]);
        processes.Add(process);
        return process;
    }

    private Task<string> RunAsync(string program, params string[] arguments) => InstalledProgram.RunAsync(
        program, arguments, environment: new Dictionary<string, string>(StringComparer.Ordinal) { ["CEPH_CONF"] = Configuration });

    private Task<string> CephAsync(params string[] arguments) => RunAsync("ceph", ["-k", Administrator, .. arguments]);

    private Task<ProcessResult> AskAsync(params string[] arguments) =>
        ChildProcess.RunAsync("ceph", ["-c", Configuration, "-k", Administrator, "--connect-timeout", "3", .. arguments]);

    private static Task UntilAsync(ChildProcess process, Func<Task<bool>> condition) => Eventually.TrueAsync(
        () => process.HasExited ? throw new InvalidOperationException($"it ended:\n{process.Error}") : condition(),
        Patience,
        () => process.Error);
}
