using System.Text;
using Microsoft.Net.Http.Headers;

namespace AuthIndex.TokenServer.Protocol;

/// <summary>Reads the body of a form (<c>application/x-www-form-urlencoded</c>).</summary>
internal static class FormBody
{
    private const string MediaType = "application/x-www-form-urlencoded";

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads the whole body as a form's text.</summary>
    /// <exception cref="BadHttpRequestException">It is larger than the row allows.</exception>
    public static async Task<Result<string>> ReadAsync(RouteRequest request)
    {
        if (!MediaTypeHeaderValue.TryParse(request.Http.ContentType, out var type)
            || !type.MediaType.Equals(MediaType, StringComparison.OrdinalIgnoreCase)
            || (type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)))
        {
            return ErrorAnswer.InvalidRequest($"the body is not a form: its Content-Type must be {MediaType}, in UTF-8");
        }

        var body = await request.ReadBodyAsync();
        try
        {
            return StrictUtf8.GetString(body.Span);
        }
        catch (DecoderFallbackException)
        {
            return ErrorAnswer.InvalidRequest("the form is not UTF-8");
        }
    }
}
