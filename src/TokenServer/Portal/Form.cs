using Microsoft.AspNetCore.WebUtilities;

namespace AuthIndex.TokenServer.Portal;

/// <summary>The fields of a form that a page sent.</summary>
internal sealed class Form
{
    /// <summary>The field with the token that proves that a page of ours made the form.</summary>
    public const string TokenField = "form-token";

    /// <summary>The largest form read, in bytes.</summary>
    public const int MaxBytes = 32 * 1024;

    private readonly List<(string Name, string Value)> fields = [];

    /// <summary>Reads the body of a form (<c>application/x-www-form-urlencoded</c>).</summary>
    public Form(string body)
    {
        foreach (var field in new QueryStringEnumerable(body)) fields.Add((field.DecodeName().ToString(), field.DecodeValue().ToString()));
    }

    /// <summary>The first value of a field; "" when there is none.</summary>
    public string this[string name] => fields.Find(f => f.Name == name).Value ?? "";

    /// <summary>Every value of a field.</summary>
    public IReadOnlyList<string> All(string name) => [.. fields.Where(f => f.Name == name).Select(f => f.Value)];

    /// <summary>The words of a field, which people separate by spaces, commas or lines.</summary>
    public IReadOnlyList<string> Words(string name) =>
        this[name].Split([' ', ',', '\r', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries);
}
