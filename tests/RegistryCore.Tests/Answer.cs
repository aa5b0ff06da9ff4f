using System.Net;
using System.Text;
using System.Text.Json;

namespace AuthIndex.RegistryCore.Tests;

/// <summary>An answer of the registry, read whole.</summary>
internal sealed record Answer(HttpStatusCode Status, IReadOnlyDictionary<string, string[]> Headers, byte[] Body)
{
    /// <summary>A header's value; several lines are joined by a comma, a missing one is empty.</summary>
    public string this[string header] => Headers.TryGetValue(header, out var values) ? string.Join(',', values) : "";

    /// <summary>The body as JSON.</summary>
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    /// <summary>The first error's code, as clients read it.</summary>
    public string ErrorCode => Error("code");

    /// <summary>The first error's message.</summary>
    public string ErrorMessage => Error("message");

    public static async Task<Answer> ReadAsync(HttpResponseMessage response)
    {
        var headers = new Dictionary<string, string[]>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, values) in response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated))
        {
            headers[name] = [.. values];
        }

        return new Answer(response.StatusCode, headers, await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>Holds that the registry refused, in the form every error has.</summary>
    public Answer MustBe(HttpStatusCode status, string code)
    {
        Assert.True(
            Status == status && ErrorCode == code, $"expected {(int)status} {code}, got {(int)Status} {Encoding.UTF8.GetString(Body)}");
        Assert.Equal("application/json", this["Content-Type"]);
        Assert.Equal("registry/2.0", this["Docker-Distribution-Api-Version"]);
        Assert.NotEqual("", ErrorMessage);
        return this;
    }

    /// <summary>Holds that the registry did what was asked.</summary>
    public Answer MustBe(HttpStatusCode status)
    {
        Assert.True(Status == status, $"expected {(int)status}, got {(int)Status} {Encoding.UTF8.GetString(Body)}");
        Assert.Equal("registry/2.0", this["Docker-Distribution-Api-Version"]);
        return this;
    }

    private string Error(string member) =>
        this["Content-Type"].StartsWith("application/json", StringComparison.Ordinal) && Json.TryGetProperty("errors", out var errors)
            ? errors[0].GetProperty(member).GetString()!
            : "";
}
