using System.Security.Cryptography;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Objects.Azure;
using AuthIndex.TestKit;
using Azure.Storage.Sas;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>The object store is Azure Blob Storage.</summary>
public sealed class AzureStoreTests(SharedAzure shared) : ObjectStoreSuite(shared)
{
    private const BlobContainerSasPermissions Needed = BlobContainerSasPermissions.Read | BlobContainerSasPermissions.Add
        | BlobContainerSasPermissions.Create | BlobContainerSasPermissions.Write | BlobContainerSasPermissions.Delete
        | BlobContainerSasPermissions.List;

    private readonly SharedAzure shared = shared;
    private readonly TemporaryDirectory folder = new();

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        folder.Dispose();
        return base.DisposeAsync();
    }

    [Fact]
    public async Task A_block_that_comes_late_replaces_none_and_changes_no_object()
    {
        var store = Open(await shared.CreateContainerAsync());
        var (bytes, late) = (RandomNumberGenerator.GetBytes(1000), RandomNumberGenerator.GetBytes(1000));
        var part = await store.PutPartAsync("key", "", 1, bytes, Cancellation);
        await store.PutPartAsync("key", "", 1, late, Cancellation);
        await store.CompleteAsync("key", "", [part], Cancellation);
        Assert.Equal(bytes, await ReadAsync(store, "key"));

        await store.PutPartAsync("key", "", 1, late, Cancellation);
        Assert.Equal(bytes, await ReadAsync(store, "key"));
        await store.CompleteAsync("key", "", [part], Cancellation);
        await store.AbortAsync("key", "", Cancellation);
        Assert.Equal(bytes, await ReadAsync(store, "key"));

        await store.DeleteAsync(["key"], Cancellation);
        await Assert.ThrowsAsync<UploadRefusedException>(() => store.CompleteAsync("key", "", [part], Cancellation));
        Assert.Null(await store.SizeAsync("key", Cancellation));
    }

    [Theory]
    [InlineData("key", "the key or SAS token is not the account's")]
    [InlineData("account", "it answers 404 ResourceNotFound")]
    [InlineData("container", "there is no such container")]
    [InlineData("expired", "has expired")]
    [InlineData("may not list", "403 AuthorizationPermissionMismatch")]
    [InlineData("may not delete", "403 AuthorizationPermissionMismatch")]
    [InlineData("may not read", "403 AuthorizationPermissionMismatch")]
    public async Task A_store_that_refuses_is_named_with_the_reason_at_startup(string wrong, string reason)
    {
        var options = await shared.CreateContainerAsync();
        if (wrong == "container") options.Container = "no-such-container";
        else if (wrong == "key") options.AccountKeyFile = await FileAsync(shared.WrongSecret);
        else if (wrong == "account") options.ServiceUrl = new Uri(options.ServiceUrl!, "/others");
        else if (wrong == "expired") await UseSasAsync(options, Needed, TimeSpan.FromMinutes(-1));
        else if (wrong == "may not list") await UseSasAsync(options, Needed & ~BlobContainerSasPermissions.List);
        else if (wrong == "may not delete") await UseSasAsync(options, Needed & ~BlobContainerSasPermissions.Delete);
        else await UseSasAsync(options, Needed & ~BlobContainerSasPermissions.Read);

        var store = Open(options);
        var error = await Assert.ThrowsAsync<OperatorException>(() => store.TryOutAsync(Cancellation));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("registry.storage.azure", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("sig=", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_SAS_token_with_the_permissions_that_are_named_suffices()
    {
        var options = await shared.CreateContainerAsync();
        await UseSasAsync(options, Needed);
        var store = Open(options);
        await store.TryOutAsync(Cancellation);
        var bytes = RandomNumberGenerator.GetBytes(2000);
        var (id, parts) = await WritePartsAsync(store, "key", bytes);
        await store.CompleteAsync("key", id, parts, Cancellation);
        Assert.Equal(bytes, await ReadAsync(store, "key"));
        await store.AbortAsync("other", id, Cancellation);
        Assert.Equal(["key"], await KeysAsync(store, ""));
    }

    [Fact]
    public async Task A_clock_that_is_wrong_is_named()
    {
        var options = await shared.CreateContainerAsync();
        options.AccountKeyFile = await FileAsync(shared.WrongSecret);
        using var store = new ObjectStore(
            options, new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddMinutes(16)), timing: SharedReplica.Timing);
        var error = await Assert.ThrowsAsync<OperatorException>(() => store.TryOutAsync(Cancellation));
        Assert.Contains("its clock and this server's differ by too much", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://images.blob.core.windows.net", "", "images")]
    [InlineData("https://images.blob.core.windows.net", "images", "images")]
    [InlineData("https://images.z01.blob.storage.azure.net", "", "images")]
    [InlineData("https://images.privatelink.blob.core.windows.net/", "", "images")]
    [InlineData("http://127.0.0.1:10000/images", "", "images")]
    [InlineData("https://blobs.example.com", "images", "images")]
    [InlineData("https://blobs.example.com", "", "accountName: is required")]
    [InlineData("http://127.0.0.1:10000", "", "accountName: is required")]
    [InlineData("https://images.blob.core.windows.net", "others", "serviceUrl names 'images'")]
    public void The_account_is_that_of_the_URL_or_of_the_configuration(string url, string name, string expected)
    {
        var options = new AzureOptions { AccountName = name };
        if (expected == "images") Assert.Equal(expected, options.Account(new Uri(url)));
        else Assert.Contains(expected, Refused(() => options.Account(new Uri(url))), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_does_not_go_together_is_refused()
    {
        var options = await shared.CreateContainerAsync();
        var key = options.AccountKeyFile;
        options.AccountKeyFile = null;
        Assert.Contains("name one of accountKeyFile and sasTokenFile", Refused(Open), StringComparison.Ordinal);
        options.SasTokenFile = await FileAsync("sv=2026&sig=abc");
        options.Redirect = new RedirectOptions();
        Assert.Contains("redirect: needs accountKeyFile", Refused(Open), StringComparison.Ordinal);
        options.Redirect = null;
        options.AccountKeyFile = key;
        Assert.Contains("name one of accountKeyFile and sasTokenFile", Refused(Open), StringComparison.Ordinal);
        (options.AccountKeyFile, options.SasTokenFile) = (null, await FileAsync("sv=2026"));
        Assert.Contains("has no signature", Refused(Open), StringComparison.Ordinal);
        (options.AccountKeyFile, options.SasTokenFile) = (await FileAsync("not base64!"), null);
        Assert.Contains("is not base64", Refused(Open), StringComparison.Ordinal);

        var both = new StorageOptions { S3 = new(), Azure = options };
        Assert.Contains("remove one of them", Refused(() => both.Objects), StringComparison.Ordinal);

        ObjectStore Open() => this.Open(options);
    }

    private static string Refused(Func<object?> configure) => Assert.Throws<OperatorException>(configure).Message;

    private async Task UseSasAsync(AzureOptions options, BlobContainerSasPermissions permissions, TimeSpan? valid = null)
    {
        var container = (await shared.ServerAsync()).Client(options.Container!);
        var until = TimeProvider.System.GetUtcNow() + (valid ?? TimeSpan.FromMinutes(10));
        (options.AccountKeyFile, options.SasTokenFile) =
            (null, await FileAsync(container.GenerateSasUri(permissions, until).Query));
    }

    private async Task<string> FileAsync(string text)
    {
        var file = folder[RandomNumberGenerator.GetHexString(8)];
        await File.WriteAllTextAsync(file, text, Cancellation);
        File.SetUnixFileMode(file, UnixFileMode.UserRead);
        return file;
    }
}
