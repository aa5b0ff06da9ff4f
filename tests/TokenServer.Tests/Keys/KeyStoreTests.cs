using AuthIndex.Hosting;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Keys;
using Microsoft.Extensions.Logging;

namespace AuthIndex.TokenServer.Tests.Keys;

/// <summary>The folder of keys while a server runs.</summary>
public sealed class KeyStoreTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly FakeTimeProvider clock = new(TokenServerHost.Start);
    private readonly LogRecorder log = new();
    private readonly ILoggerFactory loggers;

    public KeyStoreTests() => loggers = LoggerFactory.Create(b => b.AddProvider(log));

    private DateTimeOffset Now => clock.GetUtcNow();

    [Fact]
    public void A_new_key_is_published_at_once_and_signs_when_its_time_has_come()
    {
        var old = Make(default);
        var store = Open();
        var next = Make(TimeSpan.FromMinutes(10));
        store.Refresh();
        Assert.Equal([next.Key.Id, old.Key.Id], store.Current.Published(Now).Select(k => k.Id));
        Assert.Equal(old.Key.Id, store.Current.SignerOf("ES256", Now)!.Id);
        clock.Advance(TimeSpan.FromMinutes(11));
        Assert.Equal(next.Key.Id, store.Current.SignerOf("ES256", Now)!.Id);
    }

    [Fact]
    public void A_key_put_there_without_notice_does_not_sign_before_it_was_published_for_long_enough()
    {
        var old = Make(default);
        var store = Open();
        clock.Advance(TimeSpan.FromHours(1));
        var sudden = Make(default);
        store.Refresh();
        Assert.Equal(old.Key.Id, store.Current.SignerOf("ES256", Now)!.Id);
        Assert.Contains(sudden.Key.Id, store.Current.Published(Now).Select(k => k.Id));

        // Nor under another name.
        File.Move(sudden.Path, directory["20300102T040000Z-renamed.pem"]);
        clock.Advance(KeyRing.LeastAhead - TimeSpan.FromSeconds(1));
        store.Refresh();
        Assert.Equal(old.Key.Id, store.Current.SignerOf("ES256", Now)!.Id);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(sudden.Key.Id, store.Current.SignerOf("ES256", Now)!.Id);
    }

    [Fact]
    public void A_look_at_an_unchanged_folder_changes_nothing()
    {
        Make(default);
        var store = Open();
        var before = store.Current;
        store.Refresh();
        store.Refresh();
        Assert.Same(before, store.Current);
    }

    public static TheoryData<string> Damages() => ["half written", "empty", "open to others", "without a time in its name"];

    [Theory]
    [MemberData(nameof(Damages))]
    public void A_broken_file_refuses_a_start_and_never_stops_a_running_server(string damage)
    {
        var good = Make(default);
        var store = Open();
        var other = Make(TimeSpan.FromMinutes(10));
        var broken = damage == "without a time in its name" ? directory["new.pem"] : other.Path;
        File.Move(other.Path, broken);
        var whole = File.ReadAllText(broken);
        if (damage == "open to others")
        {
            File.SetUnixFileMode(broken, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        }
        else if (damage != "without a time in its name") File.WriteAllText(broken, damage == "empty" ? "" : whole[..(whole.Length / 2)]);

        store.Refresh();
        Assert.Contains(broken, store.Degraded, StringComparison.Ordinal);
        Assert.Equal(good.Key.Id, store.Current.SignerOf("ES256", Now)!.Id);
        Assert.Equal(good.Key.Id, Assert.Single(store.Current.Published(Now)).Id);
        Assert.Contains(log.Lines, l => l.Contains("stay in force", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, l => l.Contains(whole[60..90], StringComparison.Ordinal));
        Assert.Throws<OperatorException>(Open);

        File.Delete(broken);
        store.Refresh();
        Assert.Null(store.Degraded);
    }

    [Fact]
    public void A_key_that_is_damaged_while_it_is_in_force_goes_on_signing_and_one_that_is_removed_does_not()
    {
        var old = Make(default);
        clock.Advance(TimeSpan.FromHours(1));
        var newer = Make(default);
        var store = Open();
        File.WriteAllText(newer.Path, "nonsense");
        store.Refresh();
        Assert.NotNull(store.Degraded);
        Assert.Equal(newer.Key.Id, store.Current.SignerOf("ES256", Now)!.Id);
        File.Delete(newer.Path);
        store.Refresh();
        Assert.Null(store.Degraded);
        Assert.Equal(old.Key.Id, store.Current.SignerOf("ES256", Now)!.Id);
    }

    [Fact]
    public void An_emptied_folder_leaves_the_keys_in_force()
    {
        var key = Make(default);
        var store = Open();
        File.Delete(key.Path);
        store.Refresh();
        Assert.Contains("run init", store.Degraded, StringComparison.Ordinal);
        Assert.Equal(key.Key.Id, store.Current.SignerOf("ES256", Now)!.Id);
        store.Refresh();
        Assert.Equal(key.Key.Id, store.Current.SignerOf("ES256", Now)!.Id);
    }

    [Fact]
    public void A_missing_algorithm_or_certificate_bundle_refuses_a_start_and_says_what_to_do()
    {
        Make(default);
        Assert.Contains(
            "keys rotate --algorithm RS256", Assert.Throws<OperatorException>(() => Open(certificates: false, "ES256", "RS256")).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "keys certificates", Assert.Throws<OperatorException>(() => Open(certificates: true, "ES256")).Message,
            StringComparison.Ordinal);
    }

    public void Dispose()
    {
        loggers.Dispose();
        directory.Dispose();
    }

    private KeyFile Make(TimeSpan ahead) => KeyDirectory.Read(KeyDirectory.Create(directory.Root, clock, ahead: ahead));

    private KeyStore Open() => Open(certificates: false, "ES256");

    private KeyStore Open(bool certificates, params string[] algorithms) =>
        new(new KeyDemands(directory.Root, algorithms, certificates, TimeSpan.FromMinutes(5)), clock, loggers.CreateLogger<KeyStore>());
}
