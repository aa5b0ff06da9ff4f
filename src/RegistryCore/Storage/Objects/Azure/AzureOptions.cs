using System.ComponentModel.DataAnnotations;
using System.Net;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Storage.Objects.Requests;

namespace AuthIndex.RegistryCore.Storage.Objects.Azure;

/// <summary>The section <c>storage.azure</c>: a container of Azure Blob Storage.</summary>
internal sealed class AzureOptions : ObjectStoreOptions
{
    /// <inheritdoc/>
    internal override string Section => "registry.storage.azure";

    /// <summary>The container, which must exist.</summary>
    [Required]
    public string? Container { get; set; }

    /// <summary>The storage account; absent: the one that the host of the URL names.</summary>
    public string? AccountName { get; set; }

    /// <summary>The file with a key of the account.</summary>
    [FilePath]
    public string? AccountKeyFile { get; set; }

    /// <summary>The file with a shared access signature of the container or the account.</summary>
    [FilePath]
    public string? SasTokenFile { get; set; }

    /// <inheritdoc/>
    internal override IStoreClient CreateClient(TimeProvider clock, ILogger log) => new AzureStoreClient(this, clock, log);

    /// <summary>The storage account.</summary>
    /// <exception cref="OperatorException">Nothing names it, or name and URL name two.</exception>
    internal string Account(Uri url)
    {
        var inUrl = AccountIn(url);
        if (string.IsNullOrEmpty(AccountName))
        {
            return inUrl ?? throw new OperatorException($"{Section}.accountName: is required, because the URL does not name the account");
        }

        return inUrl is null || string.Equals(inUrl, AccountName, StringComparison.Ordinal)
            ? AccountName
            : throw new OperatorException($"{Section}.accountName: is '{AccountName}', but {Section}.serviceUrl names '{inUrl}'");
    }

    /// <summary>
    /// The account that a URL names: <c>ACCOUNT.blob.core.windows.net</c>, <c>ACCOUNT.z01.blob.storage.azure.net</c>, or an address with
    /// the account in the path; null when it names none.
    /// </summary>
    private static string? AccountIn(Uri url)
    {
        if (IPAddress.TryParse(url.Host, out _)) return url.Segments is [_, var first, ..] ? first.TrimEnd('/') : null;
        var labels = url.IdnHost.Split('.');
        return Array.IndexOf(labels, "blob") is 1 or 2 ? labels[0] : null;
    }
}
