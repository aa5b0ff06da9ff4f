using System.Net;
using AuthIndex.RegistryCore.Blobs;
using AuthIndex.RegistryCore.Catalog;
using AuthIndex.RegistryCore.Manifests;
using AuthIndex.RegistryCore.Tags;
using AuthIndex.RegistryCore.Uploads;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests;

/// <summary>The gate before every operation: proven for the table as it stands, so also for rows yet to come.</summary>
public sealed class V2RoutesTests(SharedRegistry shared) : IClassFixture<SharedRegistry>
{
    /// <summary>Every method of every row, with a path that matches it.</summary>
    public static TheoryData<string, string> Rows()
    {
        var data = new TheoryData<string, string>();
        var table = new V2Routes(
            new CatalogEndpoint(null!, null!, null!),
            new TagsEndpoint(null!, null!),
            new ManifestEndpoint(null!, null!, null!, null!, null!, null!, null!, null!, null!),
            new ReferrersEndpoint(null!, null!, null!),
            new BlobEndpoint(null!, null!, null!, null!),
            new UploadEndpoint(null!, null!, null!, null!, null!, null!));
        foreach (var row in table.All)
        {
            foreach (var method in row.Methods) data.Add(method, row.Tail);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Without_a_token_every_operation_is_challenged(string method, string tail)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), PathOf(tail));
        using var response = await shared.Host.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        var challenge = Assert.Single(response.Headers.WwwAuthenticate);
        Assert.Equal("Bearer", challenge.Scheme);
        Assert.Contains("realm=", challenge.Parameter, StringComparison.Ordinal);
        Assert.Contains("service=\"registry\"", challenge.Parameter, StringComparison.Ordinal);
        Assert.DoesNotContain("error=", challenge.Parameter, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task A_token_for_another_repository_opens_no_operation(string method, string tail)
    {
        var row = Row(method, tail);
        using var request = new HttpRequestMessage(new HttpMethod(method), PathOf(tail));
        using var response = await shared.Host.As("repository:other/repo:pull,push,delete").SendAsync(request, TestContext.Current.CancellationToken);

        if (row.Needs.IsEmpty)
        {
            Assert.NotEqual(HttpStatusCode.Unauthorized, response.StatusCode);
            return;
        }

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        var parameter = Assert.Single(response.Headers.WwwAuthenticate).Parameter;
        Assert.Contains("error=\"insufficient_scope\"", parameter, StringComparison.Ordinal);
        Assert.Contains($"scope=\"repository:some/repo:{row.Asks}\"", parameter, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task A_token_with_the_needed_action_passes_the_check(string method, string tail)
    {
        var row = Row(method, tail);
        using var request = new HttpRequestMessage(new HttpMethod(method), PathOf(tail));
        using var response = await shared.Host.As(row.Needs.IsEmpty ? [] : [$"repository:some/repo:{row.Needs}"]).SendAsync(request, TestContext.Current.CancellationToken);
        Assert.NotEqual(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public void HEAD_works_wherever_GET_does()
    {
        Assert.All(shared.Host.Services.GetRequiredService<V2Routes>().All, row => Assert.Equal(row.Methods.Contains("GET"), row.Methods.Contains("HEAD")));
    }

    private V2Route Row(string method, string tail) =>
        shared.Host.Services.GetRequiredService<V2Routes>().All.Single(r => r.Tail == tail && r.Methods.Contains(method));

    private static string PathOf(string tail)
    {
        var path = tail is "" or "_catalog" ? $"/v2/{tail}" : $"/v2/some/repo/{tail}";
        return path.Replace("blobs/uploads/{}", "blobs/uploads/" + new string('0', 32), StringComparison.Ordinal)
            .Replace("{}", "sha256:" + new string('0', 64), StringComparison.Ordinal);
    }
}
